"""The command: `python -m examples.paper`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from examples.paper import (
    SYSTEMS,
    Bench,
    Cell,
    Encoders,
    Results,
    Track,
    fill,
    plan,
    read_track,
    shipped_tracks,
)
from examples.paper.footprint import measure_footprint
from examples.paper.page import TABLES, fill_page
from examples.paper.response import measure_response
from examples.paper.setfit import has_setfit
from examples.paper.systems import TABLE_2, TABLE_3, Role
from intent_adapters.errors import IntentAdaptersError


class Exhibit(StrEnum):
    """What of the paper to make again."""

    TABLE_2 = "table2"
    TABLE_3 = "table3"
    TABLE_4 = "table4"
    FIGURE_2 = "figure2"
    ALL = "all"


ROWS = {Exhibit.TABLE_2: TABLE_2, Exhibit.TABLE_3: TABLE_3, Exhibit.ALL: tuple(SYSTEMS)}
SHOWN = {
    Exhibit.TABLE_2: ("table2", "claims"),
    Exhibit.TABLE_3: ("table3", "kept", "claims"),
    Exhibit.TABLE_4: ("table4",),
    Exhibit.FIGURE_2: ("figure2",),
    Exhibit.ALL: tuple(TABLES),
}

out, err = Console(highlight=False), Console(stderr=True, highlight=False)
app = typer.Typer(pretty_exceptions_show_locals=False)


@app.command()
def main(
    exhibit: Annotated[Exhibit, typer.Argument(help="Which one.", show_default=False)],
    track: Annotated[
        str, typer.Option("--track", help=f"Models and data: {', '.join(shipped_tracks())}, or a TOML file.")
    ] = "english",
    data: Annotated[Path, typer.Option("--data", help="Folder of the data that the track names.")] = Path("data"),
    work: Annotated[Path, typer.Option("--work", help="Folder for encoders and cells.")] = Path("reproduced"),
    model: Annotated[
        list[str] | None,
        typer.Option("--model", metavar="NAME=FOLDER", help="Take a folder for a model that the track names."),
    ] = None,
    systems: Annotated[
        str | None, typer.Option("--systems", help=f"Rows, by commas: {', '.join(SYSTEMS)}.", show_default="all")
    ] = None,
    column: Annotated[
        list[str] | None, typer.Option("--column", help="Only this column; may be repeated.", show_default="all")
    ] = None,
    repetitions: Annotated[
        int | None, typer.Option("--repetitions", min=1, help="Draws.", show_default="the track's")
    ] = None,
    finished: Annotated[
        bool, typer.Option("--finished", help="Train nothing: show what is finished in --work.")
    ] = False,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Cells at a time.")] = 1,
    device: Annotated[str | None, typer.Option("--device", help="cpu, cuda, cuda:1.", show_default="the best")] = None,
    results_file: Annotated[
        Path | None, typer.Option("--results", metavar="FILE", help="Write the results as JSON.", show_default=False)
    ] = None,
    results_files: Annotated[
        list[Path] | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="Run nothing, show results written with --results; may be repeated.",
            show_default=False,
        ),
    ] = None,
    page: Annotated[
        Path | None,
        typer.Option("--page", metavar="FILE", help="Fill the tables of a Markdown page.", show_default=False),
    ] = None,
    plots: Annotated[
        Path | None, typer.Option("--plots", metavar="FOLDER", help="Write pictures as PNG.", show_default=False)
    ] = None,
) -> None:
    """Make the paper's tables 2, 3 and 4 and its figure 2 again, and show them beside the paper's figures.

    What is finished is kept in --work and not run again. Encoders that the track trains need a GPU.
    """
    if results_files:
        found = [Results.read(file) for file in results_files]
    else:
        chosen = read_track(track)
        names = _names(systems, ROWS.get(exhibit, ()), chosen)
        encoders = Encoders(chosen, data, work, _folders(model or []), device)
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
    roles: list[Role] = list(dict.fromkeys(SYSTEMS[cell.system].role for cell in cells))
    folders: dict[str, str] = {}
    for role in () if only_find else roles:
        err.print(f"encoder {role} ...")
        folders[role] = str(encoders.folder(role))
    bench = Bench(
        data=encoders.data,
        encoders=folders,
        digests={role: encoders.digest(role) for role in roles},
        cells=encoders.work / "cells",
        device=encoders.device,
    )
    with _progress() as show:
        done = fill(cells, bench, workers=workers, only_find=only_find, on_start=show.start, on_cell=show.cell)
    return Results.of_cells(encoders.track, done)


def _measure_sizes(encoders: Encoders, results: Results) -> Results:
    if not {"large-se", "distilled-se"} <= set(encoders.track.encoders):
        return results
    large, small = str(encoders.folder("large-se")), str(encoders.folder("distilled-se"))
    err.print("footprint ...")
    footprint = measure_footprint(large, small)
    err.print("response time ...")
    return results.extended(footprint=footprint, response=measure_response(large, small))


class _Show:
    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def start(self, done: int, total: int) -> None:
        self.task = self.progress.add_task("cells", total=total, completed=done)

    def cell(self, result: dict[str, Any]) -> None:
        title = SYSTEMS[result["system"]].title
        self.progress.console.print(
            f"{title}, {result['column']}, repetition {result['repetition']}: {result['accuracy']:.1%}"
        )
        self.progress.advance(self.task)


@contextmanager
def _progress() -> Iterator[_Show]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TextColumn("left:"), TimeRemainingColumn(), console=err) as progress:
        yield _Show(progress)


def _show(results: Results, names: tuple[str, ...]) -> None:
    for name in names:
        if name in ("table4", "figure2") and "footprint" not in results.values:
            continue
        table = TABLES[name](results)
        if not table.rows:
            continue
        table.print(out, f"{results.values['title']}. {table.title}")


def _draw(found: list[Results], folder: Path) -> None:
    # The extra is needed only here.
    from examples.paper.plots import plot_figure_2, plot_table_4

    for results in found:
        if "footprint" in results.values:
            track = results.values["track"]
            plot_table_4(results).write(folder / f"{track}-table4.png")
            plot_figure_2(results).write(folder / f"{track}-figure2.png")


def _names(systems: str | None, of_exhibit: tuple[str, ...], track: Track) -> list[str]:
    if systems is not None:
        return [name.strip() for name in systems.split(",")]
    names = [name for name in of_exhibit if name in track.systems]
    if not has_setfit():
        left_out = [name for name in names if SYSTEMS[name].way == "setfit"]
        if left_out:
            err.print("SetFit is not installed: its row is left out. pip install 'intent-adapters\\[reproduce]'")
        names = [name for name in names if name not in left_out]
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
