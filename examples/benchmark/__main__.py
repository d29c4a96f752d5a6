"""The command: `python -m examples.benchmark`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from examples.benchmark import SYSTEMS, Results, Settings, benchmark
from examples.benchmark.page import picture_folder, write_page
from examples.benchmark.tables import all_tables, target_table
from intent_adapters.errors import IntentAdaptersError

Base = Annotated[str | None, typer.Option("--base", "-b", help="Folder of the small encoder.", show_default=False)]
Large = Annotated[
    str | None, typer.Option("--large", help="Folder of the large encoder to compare with.", show_default="none")
]
Given = Annotated[
    list[str] | None,
    typer.Option("--adapter", "-a", help="Folder of an adapter to time; may be repeated.", show_default="random ones"),
]
Peers = Annotated[
    list[str] | None,
    typer.Option(
        "--peer",
        metavar="NAME=PYTHON",
        help="Interpreter of the environment in which setfit or adapterhub is installed; may be repeated.",
        show_default=False,
    ),
]
Systems = Annotated[
    str | None, typer.Option("--systems", help=f"Any of {', '.join(SYSTEMS)}, by commas.", show_default="all")
]
Threads = Annotated[str, typer.Option("--threads", help="Numbers of threads, separated by commas.")]
Seed = Annotated[int, typer.Option("--seed", help="Of the random adapters and of the order of the systems.")]
Rounds = Annotated[int | None, typer.Option("--rounds", min=1, help="Turns of each system.", show_default="10")]
Quick = Annotated[bool, typer.Option("--quick", help="About a minute: to see that it runs, not for figures.")]
JsonFile = Annotated[
    Path | None,
    typer.Option(
        "--json",
        metavar="FILE",
        help="Write the results as JSON, after every stage; the same command continues a run that was cut off.",
        show_default=False,
    ),
]
Plots = Annotated[
    Path | None, typer.Option("--plots", metavar="FOLDER", help="Write pictures as PNG.", show_default=False)
]
From = Annotated[
    list[Path] | None,
    typer.Option(
        "--from",
        metavar="FILE",
        help="Measure nothing, show results written with --json; may be repeated.",
        show_default=False,
    ),
]
Page = Annotated[
    Path | None,
    typer.Option("--page", metavar="FILE", help="Write a Markdown page, pictures beside it.", show_default=False),
]

out, err = Console(highlight=False), Console(stderr=True, highlight=False)
app = typer.Typer(pretty_exceptions_show_locals=False)


@app.command()
def main(
    base: Base = None,
    large: Large = None,
    adapter: Given = None,
    peer: Peers = None,
    systems: Systems = None,
    threads: Threads = "1,2",
    seed: Seed = 0,
    rounds: Rounds = None,
    quick: Quick = False,
    json_file: JsonFile = None,
    plots: Plots = None,
    results_files: From = None,
    page: Page = None,
) -> None:
    """Measure speed, memory and disk side by side with what one would take instead.

    A system that cannot be run is listed with the reason. SetFit and AdapterHub need environments of their own.
    """
    if bool(base) == bool(results_files):
        raise typer.BadParameter("give --base to measure, or --from to show results", param_hint="--base")
    if results_files:
        runs = [Results.read(file) for file in results_files]
    else:
        settings = Settings(
            base=str(base),
            large=large,
            adapters=adapter or (),
            peers=_peers(peer or []),
            systems=[name.strip() for name in systems.split(",")] if systems else tuple(SYSTEMS),
            threads=_numbers(threads),
            seed=seed,
        )
        settings = settings.shortened() if quick else settings
        settings = settings.with_rounds(rounds)
        runs = [Results(benchmark(settings, lambda stage: err.print(f"{stage} ..."), json_file))]
    for results in runs:
        _print_tables(results)
    _write_pictures(runs, plots, page)


def _print_tables(results: Results) -> None:
    for table in (*all_tables(results), target_table(results)):
        table.print(out)


def _write_pictures(runs: list[Results], plots: Path | None, page: Path | None) -> None:
    if plots is None and page is None:
        return
    # The extra is needed only here.
    from examples.benchmark.plots import write_plots

    if plots is not None:
        for results in runs:
            write_plots(results, plots if len(runs) == 1 else plots / results.settings["base"])
    if page is not None:
        page.parent.mkdir(parents=True, exist_ok=True)
        pictures = [write_plots(results, page.parent / picture_folder(results)) for results in runs]
        write_page(page, runs, pictures)


def _numbers(threads: str) -> list[int]:
    try:
        return [int(count) for count in threads.split(",")]
    except ValueError:
        raise typer.BadParameter(f"{threads!r} is no list of whole numbers", param_hint="--threads") from None


def _peers(given: list[str]) -> dict[str, str]:
    peers = {}
    for peer in given:
        name, equals, python = peer.partition("=")
        if not equals or name not in ("setfit", "adapterhub"):
            raise typer.BadParameter(f"{peer!r} is not setfit=PYTHON or adapterhub=PYTHON", param_hint="--peer")
        peers[name] = python
    return peers


if __name__ == "__main__":
    try:
        app()
    except IntentAdaptersError as error:
        raise SystemExit(f"Error: {error}") from error
