"""`intent-adapters list`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from intent_adapters.artifacts.contents import CONFIG_NAME
from intent_adapters.cli import options
from intent_adapters.cli.console import err, examples, percent, print_json, print_table, print_text, working
from intent_adapters.cli.loading import check_folders
from intent_adapters.errors import AdapterError

EXAMPLES = examples(
    "intent-adapters list ORG/intent-base-ko-en",
    "intent-adapters list ORG/intent-base-ko-en --search clinic --json",
    "intent-adapters list agents",
)


def command(
    base: Annotated[
        str,
        typer.Argument(
            metavar="BASE|FOLDER", help="Hub id of the base, or a folder of adapters.", callback=check_folders
        ),
    ],
    author: Annotated[
        str | None, typer.Option("--author", help="Of the Hub, only those of this user or organisation.")
    ] = None,
    search: Annotated[str | None, typer.Option("--search", help="Only those with this in their id or name.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="This many at most.")] = None,
    token: options.Token = None,
    json: options.Json = False,
) -> None:
    """Find all agents of a base on the Hub, or those in a folder.

    With --json, one object a line.
    """
    if Path(base).is_dir():
        if author:
            raise typer.BadParameter("agents in a folder have no author", param_hint="--author")
        _list_folder(list(islice(_agents_in(Path(base), search or ""), limit)), base, json)
        return
    with working("asking the Hub"):
        from intent_adapters.hub import list_agents

        agents = list_agents(base, author=author, search=search, limit=limit, token=token)
    if json:
        for agent in agents:
            print_json(agent.to_dict())
    elif agents:
        columns = ("agent", "intents", "languages", "licence", "downloads")
        rows = [
            (
                f"{agent.repo_id} (private)" if agent.private else agent.repo_id,
                agent.intents,
                ", ".join(agent.language),
                agent.license,
                agent.downloads,
            )
            for agent in agents
        ]
        print_table(columns, rows, numbers=("intents", "downloads"))
    else:
        print_text(f"No agents of {base} were found.", to=err)


def _agents_in(folder: Path, search: str) -> Iterator[dict[str, Any]]:
    from intent_adapters.artifacts.adapter import Adapter
    from intent_adapters.hub.naming import folder_name

    for path in sorted(config.parent for config in folder.glob(f"[!.]*/{CONFIG_NAME}")):
        name = folder_name(path)
        if search.casefold() not in name.casefold():
            continue
        try:
            adapter = Adapter.read(path)
        except AdapterError as error:
            yield {"agent": name, "error": str(error)}
            continue
        trained = adapter.config.provenance
        yield {
            "agent": name,
            "intents": len(adapter.labels),
            "utterances": trained.rows,
            "accuracy": trained.accuracy,
            "trained": trained.date,
            "base": adapter.config.base_model_name_or_path,
        }


_COLUMNS = ("agent", "intents", "utterances", "accuracy", "trained", "base")


def _cell(agent: dict[str, Any], column: str) -> object:
    value = agent.get(column)
    return percent(value) if column == "accuracy" and value is not None else value


def _list_folder(agents: list[dict[str, Any]], folder: str, json: bool) -> None:
    if json:
        for agent in agents:
            print_json(agent)
    elif agents:
        print_table(_COLUMNS, [[_cell(agent, name) for name in _COLUMNS] for agent in agents], numbers=_COLUMNS[1:4])
    else:
        print_text(f"No adapters in {folder}: it should hold FOLDER/AGENT/{CONFIG_NAME}.", to=err)
    broken = [agent["error"] for agent in agents if "error" in agent]
    for error in broken:
        print_text(f"Error: {error}", "red", to=err)
    if broken:
        raise typer.Exit(1)
