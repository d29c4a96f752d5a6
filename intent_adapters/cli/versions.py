"""`intent-adapters versions`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from intent_adapters.cli import options
from intent_adapters.cli.console import examples, percent, print_json, print_table, print_text

if TYPE_CHECKING:
    from intent_adapters.artifacts.versions import Version

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of an adapter.", exists=True, file_okay=False)]

EXAMPLES = examples("intent-adapters versions agents/clinic", "intent-adapters versions agents/clinic --json")


def command(folder: Folder, json: options.Json = False) -> None:
    """Show the versions of an adapter: the one in use, and the former ones that its folder keeps.

    Training into the folder again adds one. `diff` compares two of them, `rollback` puts a former one in use.
    """
    from intent_adapters.artifacts.versions import list_versions

    found = list_versions(folder)
    if json:
        print_json([version.to_dict() for version in found])
        return
    print_table(_COLUMNS, map(_cells, found), numbers=_COLUMNS[2:])
    for version in found:
        if version.problem:
            print_text(f"version {version.number}: {version.problem}", "yellow")


# The rest is in --json: a terminal has 80 columns.
_COLUMNS = ("version", "trained", "utterances", "intents", "held out", "threshold")


def _cells(version: Version) -> list[object]:
    number = f"{version.number}, in use" if version.in_use else version.number
    if version.adapter is None:
        return [number, "damaged"]
    config, trained = version.adapter.config, version.adapter.config.provenance
    return [
        number,
        None if trained.date is None else trained.date[:16].replace("T", " "),
        trained.rows,
        len(version.adapter.labels),
        None if trained.accuracy is None else percent(trained.accuracy),
        None if config.calibration.threshold is None else f"{config.calibration.threshold:.3g}",
    ]
