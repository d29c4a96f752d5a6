"""The command: `python -m examples.paper`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from examples.paper.cells import Cell, Setup, fill, plan
from examples.paper.encoders import Encoders
from examples.paper.results import Results
from examples.paper.rows import ROWS, TABLE_2, TABLE_3, Role
from examples.paper.setfit_row import has_setfit
from examples.paper.sizes import measure_footprint, measure_response
from examples.paper.tables import TABLES, fill_page
from examples.paper.tracks import Track, read_track, shipped_tracks
from intent_adapters.errors import IntentAdaptersError


class Exhibit(StrEnum):
    """What of the paper to make again."""

    TABLE_2 = "table2"
    TABLE_3 = "table3"
    TABLE_4 = "table4"
    FIGURE_2 = "figure2"
    ALL = "all"


ROWS_OF = {Exhibit.TABLE_2: TABLE_2, Exhibit.TABLE_3: TABLE_3, Exhibit.ALL: tuple(ROWS)}
SHOWN = {
    Exhibit.TABLE_2: ("table2", "claims"),
    Exhibit.TABLE_3: ("table3", "kept", "claims"),
    Exhibit.TABLE_4: ("table4",),
    Exhibit.FIGURE_2: ("figure2",),
    Exhibit.ALL: tuple(TABLES),
}

app = typer.Typer(pretty_exceptions_show_locals=False)


@app.command()
def main(
    exhibit: Annotated[Exhibit, typer.Argument(help="Which one.")],
    track: Annotated[
        str, typer.Option("--track", help=f"Models and data: {', '.join(shipped_tracks())}, or a TOML file.")
    ] = "english",
    data: Annotated[Path, typer.Option("--data", help="Folder of the data that the track names.")] = Path("data"),
    work: Annotated[Path, typer.Option("--work", help="Folder for encoders and cells.")] = Path("reproduced"),
    model: Annotated[
        list[str] | None,
        typer.Option("--model", metavar="NAME=FOLDER", help="Take a folder for a model that the track names."),
    ] = None,
    rows: Annotated[
        str | None, typer.Option("--rows", help=f"By commas: {', '.join(ROWS)}.", show_default="the exhibit's")
    ] = None,
    column: Annotated[
        list[str] | None, typer.Option("--column", help="Only this column; may be repeated.", show_default="all")
    ] = None,
    repetitions: Annotated[
        int | None, typer.Option("--repetitions", min=1, help="Draws.", show_default="the track's")
    ] = None,
    finished: Annotated[bool, typer.Option("--finished", help="Train nothing: show what is in --work.")] = False,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Cells at a time.")] = 1,
    device: Annotated[str | None, typer.Option("--device", help="cpu, cuda.", show_default="the best")] = None,
    results_file: Annotated[Path | None, typer.Option("--results", help="Write the results to this file.")] = None,
    results_files: Annotated[
        list[Path] | None,
        typer.Option("--from", help="Run nothing, show results written with --results; may be repeated."),
    ] = None,
    page: Annotated[Path | None, typer.Option("--page", help="Fill the tables of this Markdown page.")] = None,
    plots: Annotated[Path | None, typer.Option("--plots", help="Folder for pictures.")] = None,
) -> None:
    """Make the paper's tables 2, 3 and 4 and its figure 2 again, and show them beside the paper's figures.

    What is finished is kept in --work and not run again. Encoders that the track trains need a GPU.
    """
    if results_files:
        found = [Results.read(file) for file in results_files]
    else:
        chosen = read_track(track)
        encoders = Encoders(chosen, data, work, _folders(model or []), device)
        names = _names(rows, ROWS_OF.get(exhibit, ()), chosen)
        cells = plan(chosen, names, column, repetitions or chosen.repetitions)
        results = _measure_cells(cells, encoders, workers=workers, only_find=finished)
        if exhibit in (Exhibit.TABLE_4, Exhibit.FIGURE_2, Exhibit.ALL):
            results = _measure_sizes(encoders, results)
        found = [results]
        if results_file is not None:
            results.write(results_file)
    for one in found:
        _show(one, SHOWN[exhibit])
    if page is not None:
        page.write_text(fill_page(page.read_text(encoding="utf-8"), found), encoding="utf-8")
    if plots is not None:
        _draw(found, plots)


def _measure_cells(cells: list[Cell], encoders: Encoders, *, workers: int, only_find: bool) -> Results:
    roles: list[Role] = list(dict.fromkeys(ROWS[cell.row].role for cell in cells))
    folders: dict[str, str] = {}
    for role in () if only_find else roles:
        typer.echo(f"encoder {role} ...", err=True)
        folders[role] = str(encoders.folder(role))
    setup = Setup(
        data=encoders.data,
        encoders=folders,
        digests={role: encoders.digest(role) for role in roles},
        cells=encoders.work / "cells",
        device=encoders.device,
    )

    def tell(cell: dict[str, Any]) -> None:
        title = f"{ROWS[cell['system']].title}, {cell['column']}, repetition {cell['repetition']}"
        typer.echo(f"{title}: {cell['accuracy']:.1%}", err=True)

    done = fill(cells, setup, workers=workers, only_find=only_find, on_cell=tell)
    return Results.of_cells(encoders.track, done)


def _measure_sizes(encoders: Encoders, results: Results) -> Results:
    if not {"large-se", "distilled-se"} <= set(encoders.track.encoders):
        return results
    large, small = str(encoders.folder("large-se")), str(encoders.folder("distilled-se"))
    typer.echo("sizes and response time ...", err=True)
    return results.extended(footprint=measure_footprint(large, small), response=measure_response(large, small))


def _show(results: Results, names: tuple[str, ...]) -> None:
    for name in names:
        if name in ("table4", "figure2") and "footprint" not in results.values:
            continue
        table = TABLES[name](results)
        if table.rows:
            typer.echo(f"{results.values['title']}. {table.title}\n\n{table.markdown()}\n")


def _draw(found: list[Results], folder: Path) -> None:
    from examples.paper.plots import plot_figure_2, plot_table_4  # needs an extra that nothing else does

    for results in found:
        if "footprint" in results.values:
            track = results.values["track"]
            plot_table_4(results, folder / f"{track}-table4.png")
            plot_figure_2(results, folder / f"{track}-figure2.png")


def _names(given: str | None, of_exhibit: tuple[str, ...], track: Track) -> list[str]:
    if given is not None:
        return [name.strip() for name in given.split(",")]
    names = [name for name in of_exhibit if name in track.rows]
    without = [name for name in names if ROWS[name].way != "setfit"]
    if names != without and not has_setfit():
        typer.echo("SetFit is not installed: its row is left out.", err=True)
        return without
    return names


def _folders(given: list[str]) -> dict[str, str]:
    folders = {}
    for one in given:
        name, equals, folder = one.partition("=")
        if not equals or not Path(folder).is_dir():
            raise typer.BadParameter(f"{one!r} is not NAME=FOLDER with a folder that exists", param_hint="--model")
        folders[name] = folder
    return folders


if __name__ == "__main__":
    try:
        app()
    except IntentAdaptersError as error:
        raise SystemExit(f"Error: {error}") from error
