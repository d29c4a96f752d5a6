"""`intent-adapters rollback`."""

from __future__ import annotations

from typing import Annotated

import typer

from intent_adapters.artifacts.contents import CARD_NAME
from intent_adapters.cli.console import err, examples, facts_table, out, print_json
from intent_adapters.cli.options import Json
from intent_adapters.cli.versions import Folder

Number = Annotated[
    int | None,
    typer.Argument(
        metavar="[NUMBER]",
        min=1,
        help="The version, as `intent-adapters versions` numbers it.",
        show_default="the one that was in use before",
    ),
]

EXAMPLES = examples("intent-adapters rollback agents/clinic", "intent-adapters rollback agents/clinic 2")


def rollback_command(folder: Folder, number: Number = None, json: Json = False) -> None:
    """Put a former version of an adapter in use again, with its card.

    The version that was in use is kept: a second rollback without a number undoes the first.
    """
    from intent_adapters.artifacts.versions import find_version, list_versions, rollback

    (left,) = [version.number for version in list_versions(folder) if version.in_use]
    version = rollback(folder, number)
    former = find_version(folder, left)
    facts = {name: value for name, value in version.to_dict().items() if name not in ("training", "libraries")}
    if json:
        print_json(version.to_dict())
    else:
        out.print(facts_table(facts, title=f"version {version.number} of {folder} is in use, {left} is kept"))
    if (former / CARD_NAME).is_file() and not (folder / CARD_NAME).is_file():
        err.print(
            f"Version {version.number} has no card; that of version {left} is kept in {former / CARD_NAME}.",
            markup=False,
            soft_wrap=True,
        )
