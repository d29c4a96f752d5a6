"""The command: `python -m examples.benchmark`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from examples.benchmark.page import picture_folder, write_page
from examples.benchmark.results import Results
from examples.benchmark.run import Settings, benchmark
from examples.benchmark.systems import SYSTEMS
from examples.benchmark.systems.other_environments import WorkerSystem
from examples.benchmark.tables import all_tables, target_table
from intent_adapters.errors import IntentAdaptersError

PEERS = [name for name, system in SYSTEMS.items() if issubclass(system, WorkerSystem)]

app = typer.Typer(pretty_exceptions_show_locals=False)


@app.command()
def main(
    base: Annotated[str | None, typer.Option("--base", "-b", help="Folder of the small encoder.")] = None,
    large: Annotated[str | None, typer.Option("--large", help="Folder of the large encoder to compare with.")] = None,
    adapter: Annotated[
        list[str] | None,
        typer.Option("--adapter", "-a", help="Folder of an adapter to time, not random ones; may be repeated."),
    ] = None,
    peer: Annotated[
        list[str] | None,
        typer.Option(
            "--peer",
            metavar="NAME=PYTHON",
            help=f"Interpreter of an environment in which {' or '.join(PEERS)} is installed; may be repeated.",
        ),
    ] = None,
    systems: Annotated[str, typer.Option("--systems", help="Which, by commas.", show_default=True)] = ",".join(
        SYSTEMS
    ),
    threads: Annotated[str, typer.Option("--threads", help="Numbers of threads, by commas.")] = "1,2",
    seed: Annotated[int, typer.Option("--seed", help="Of the random adapters and of the order of the systems.")] = 0,
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Turns of each system; 3 with --quick.")] = 10,
    quick: Annotated[bool, typer.Option("--quick", help="About a minute: to see that it runs.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the results to this file.")] = None,
    plots: Annotated[Path | None, typer.Option("--plots", help="Folder for pictures.")] = None,
    results_files: Annotated[
        list[Path] | None, typer.Option("--from", help="Show results written with --json; may be repeated.")
    ] = None,
    page: Annotated[Path | None, typer.Option("--page", help="Write a Markdown page, pictures beside it.")] = None,
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
            pythons=_pythons(peer or []),
            systems=[name.strip() for name in systems.split(",")],
            threads=_numbers(threads),
            rounds=rounds,
            seed=seed,
        )
        settings = settings.shortened() if quick else settings
        values = benchmark(settings, lambda stage: typer.echo(f"{stage} ...", err=True))
        if json_file is not None:
            json_file.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        runs = [Results(values)]
    for results in runs:
        for table in (*all_tables(results), target_table(results)):
            typer.echo(f"{table.title}\n\n{table.markdown()}\n")
    _write_pictures(runs, plots, page)


def _write_pictures(runs: list[Results], plots: Path | None, page: Path | None) -> None:
    if plots is None and page is None:
        return
    from examples.benchmark.plots import write_plots  # needs an extra that nothing else does

    if plots is not None:
        for results in runs:
            write_plots(results, plots if len(runs) == 1 else plots / results.settings["base"])
    if page is not None:
        pictures = [write_plots(results, page.parent / picture_folder(results)) for results in runs]
        page.parent.mkdir(parents=True, exist_ok=True)
        write_page(page, runs, pictures)


def _numbers(threads: str) -> list[int]:
    try:
        return [int(count) for count in threads.split(",")]
    except ValueError:
        raise typer.BadParameter(f"{threads!r} is no list of whole numbers", param_hint="--threads") from None


def _pythons(given: list[str]) -> dict[str, str]:
    pythons = {}
    for one in given:
        name, equals, python = one.partition("=")
        if not equals or name not in PEERS:
            raise typer.BadParameter(f"{one!r} is not NAME=PYTHON of {' or '.join(PEERS)}", param_hint="--peer")
        pythons[name] = python
    return pythons


if __name__ == "__main__":
    try:
        app()
    except IntentAdaptersError as error:
        raise SystemExit(f"Error: {error}") from error
