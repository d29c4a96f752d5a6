"""All cells of a track, in as many processes as wished; what was run before is not run again."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import Any

import torch

from examples.paper.cells import Bench, Cell, find, run
from examples.paper.track import Track
from intent_adapters.errors import ConfigError


def plan(track: Track, systems: Sequence[str], columns: Sequence[str] | None, repetitions: int) -> list[Cell]:
    """The cells to run, repetition by repetition, so that a run that is cut off has full tables of fewer repetitions.

    Args:
        track: Of which track.
        systems: Which rows.
        columns: Names of the columns; None for all.
        repetitions: How many.

    Returns:
        The cells.

    Raises:
        ConfigError: A row or a column that the track does not have.
    """
    names = [column.name for column in track.columns]
    for given, known, what in ((systems, track.systems, "row"), (columns or (), names, "column")):
        unknown = [name for name in given if name not in known]
        if unknown:
            raise ConfigError(f"the track {track.name!r} has no {what} {unknown[0]!r}; it has {', '.join(known)}")
    return [
        Cell(system, column, repetition)
        for repetition in range(repetitions)
        for column in track.columns
        if columns is None or column.name in columns
        for system in systems
    ]


def fill(
    cells: Sequence[Cell],
    bench: Bench,
    *,
    workers: int = 1,
    only_find: bool = False,
    on_start: Callable[[int, int], None] | None = None,
    on_cell: Callable[[dict[str, Any]], None] | None = None,
) -> list[dict[str, Any]]:
    """Run what has not been run.

    Args:
        cells: The cells.
        bench: Where to run them, and where results are kept.
        workers: Processes; each opens the encoders for itself.
        only_find: Run nothing: give what was run before.
        on_start: Told how many cells are there already, and how many there are in all.
        on_cell: Told each result as it comes.

    Returns:
        The results in the order of `cells`.

    Raises:
        IntentAdaptersError: A cell cannot be run; those that were finished are kept.
    """
    results = [find(cell, bench) for cell in cells]
    missing = [] if only_find else [number for number, result in enumerate(results) if result is None]
    if on_start is not None:
        on_start(sum(result is not None for result in results), len(cells))
    tell = on_cell or (lambda result: None)
    if workers <= 1 or len(missing) <= 1:
        for number in missing:
            results[number] = run(cells[number], bench)
            tell(results[number] or {})
    else:
        threads = max(1, (os.cpu_count() or 1) // workers)
        with ProcessPoolExecutor(
            min(workers, len(missing)), get_context("spawn"), initializer=_prepare, initargs=(threads,)
        ) as pool:
            running = {pool.submit(run, cells[number], bench): number for number in missing}
            try:
                for done in as_completed(running):
                    results[running[done]] = done.result()
                    tell(done.result())
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise
    return [result for result in results if result is not None]


def _prepare(threads: int) -> None:
    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision("high")  # TensorFloat-32, on GPUs that have it: it is accuracy that is compared
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
