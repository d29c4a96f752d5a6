"""`intent-adapters versions`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from intent_adapters.cli.console import add_row, examples, new_table, out, percent, print_json
from intent_adapters.cli.options import Json

if TYPE_CHECKING:
    from intent_adapters.artifacts.versions import Version

Folder = Annotated[
    Path,
    typer.Argument(metavar="FOLDER", help="Folder of an adapter.", exists=True, file_okay=False, show_default=False),
]

EXAMPLES = examples("intent-adapters versions agents/clinic", "intent-adapters versions agents/clinic --json")


def versions_command(folder: Folder, json: Json = False) -> None:
    """Show the versions of an adapter: the one in use, and the former ones that its folder keeps.

    Training into the folder again adds one. `diff` compares two of them, `rollback` puts a former one in use.
    """
    from intent_adapters.artifacts.versions import list_versions

    found = list_versions(folder)
    if json:
        print_json([version.to_dict() for version in found])
        return
    table = new_table(*_COLUMNS, numbers=("utterances", "intents", "held out", "threshold"))
    for version in found:
        add_row(table, *_cells(version))
    out.print(table)
    for version in found:
        if version.problem:
            out.print(Text(f"version {version.number}: {version.problem}", style="yellow"), soft_wrap=True)


# The rest is in --json: a terminal has 80 columns.
_COLUMNS = ("version", "trained", "utterances", "intents", "held out", "threshold")


def _cells(version: Version) -> list[str]:
    number = f"{version.number}, in use" if version.in_use else str(version.number)
    if version.adapter is None:
        return [number, "damaged", *[""] * (len(_COLUMNS) - 2)]
    config, trained = version.adapter.config, version.adapter.config.provenance
    values = {
        "trained": None if trained.date is None else trained.date[:16].replace("T", " "),
        "utterances": trained.rows,
        "intents": len(version.adapter.labels),
        "held out": None if trained.accuracy is None else percent(trained.accuracy),
        "threshold": None if config.calibration.threshold is None else f"{config.calibration.threshold:.3g}",
    }
    return [number, *("" if value is None else str(value) for value in values.values())]
