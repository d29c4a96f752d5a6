"""`intent-adapters list`."""

from __future__ import annotations

from typing import Annotated

import typer

from intent_adapters.cli.console import add_row, err, examples, new_table, out, print_json, working
from intent_adapters.cli.options import Json, Token

Base = Annotated[str, typer.Argument(metavar="BASE", help="Hub id of the base.", show_default=False)]
Author = Annotated[
    str | None, typer.Option("--author", help="Only those of this user or organisation.", show_default=False)
]
Search = Annotated[str | None, typer.Option("--search", help="Only those with this in their id.", show_default=False)]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="This many at most.", show_default=False)]

EXAMPLES = examples(
    "intent-adapters list ORG/intent-base-ko-en",
    "intent-adapters list ORG/intent-base-ko-en --search clinic --json",
)


def list_command(
    base: Base,
    author: Author = None,
    search: Search = None,
    limit: Limit = None,
    token: Token = None,
    json: Json = False,
) -> None:
    """Find all agents of a base on the Hub.

    With --json, one object a line.
    """
    with working("asking the Hub"):
        from intent_adapters.hub import list_agents

        agents = list_agents(base, author=author, search=search, limit=limit, token=token)
    if json:
        for agent in agents:
            print_json(agent.to_dict())
        return
    if not agents:
        err.print(f"No agents of {base} were found.", markup=False)
        return
    table = new_table("agent", "intents", "languages", "licence", "downloads", numbers=("intents", "downloads"))
    for agent in agents:
        name = f"{agent.repo_id} (private)" if agent.private else agent.repo_id
        intents = "" if agent.intents is None else agent.intents
        add_row(table, name, intents, ", ".join(agent.language), agent.license or "", agent.downloads)
    out.print(table)
