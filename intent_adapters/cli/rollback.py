"""`intent-adapters rollback`."""

from __future__ import annotations

from typing import Annotated

import typer

from intent_adapters.artifacts.contents import CARD_NAME
from intent_adapters.cli import options
from intent_adapters.cli.console import err, examples, print_facts, print_text
from intent_adapters.cli.versions import Folder

EXAMPLES = examples("intent-adapters rollback agents/clinic", "intent-adapters rollback agents/clinic 2")


def command(
    folder: Folder,
    number: Annotated[
        int | None,
        typer.Argument(
            metavar="[NUMBER]",
            min=1,
            help="The version, as `intent-adapters versions` numbers it.",
            show_default="the one that was in use before",
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Put a former version of an adapter in use again, with its card.

    The version that was in use is kept: a second rollback without a number undoes the first.
    """
    from intent_adapters.artifacts.versions import find_version, list_versions, rollback

    (left,) = [version.number for version in list_versions(folder) if version.in_use]
    version = rollback(folder, number)
    former = find_version(folder, left)
    facts = version.to_dict()
    if not json:
        facts = {name: value for name, value in facts.items() if name not in ("training", "libraries")}
    print_facts(facts, f"version {version.number} of {folder} is in use, {left} is kept", json=json)
    if (former / CARD_NAME).is_file() and not (folder / CARD_NAME).is_file():
        kept = f"that of version {left} is kept in {former / CARD_NAME}"
        print_text(f"Version {version.number} has no card; {kept}.", to=err)
