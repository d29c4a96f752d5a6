"""Cells of the tables: a row on a column in one repetition, trained, tested, and kept by what made it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset

from examples.benchmark.machine import describe_machine
from examples.paper.columns import digest, draw
from examples.paper.rows import ROWS, TableRow
from examples.paper.setfit_row import run_setfit
from examples.paper.tracks import Column, Track
from intent_adapters import IntentModel, train_agent
from intent_adapters.errors import ConfigError
from intent_adapters.evaluation import evaluate

AGENT = "reproduced"
FORMAT = 2
"""To be raised when a change of the training makes older cells worthless."""


@dataclass(frozen=True)
class Cell:
    """What is trained and measured."""

    row: str  # its name in `ROWS`
    column: Column  # the column
    repetition: int  # seed of the draw and of the training


@dataclass(frozen=True)
class Setup:
    """What cells are trained with."""

    data: Path  # the data folder
    encoders: Mapping[str, str]  # folder or Hub id of each encoder, by role
    digests: Mapping[str, str]  # what each encoder is, by role: part of a cell's key
    cells: Path  # folder of the results
    device: str | None = None  # as in PyTorch; None takes the best there is


def plan(track: Track, rows: Sequence[str], columns: Sequence[str] | None, repetitions: int) -> list[Cell]:
    """The cells to run, repetition by repetition, so that a run that is cut off has full tables of fewer repetitions.

    Raises:
        ConfigError: A row or a column that the track does not have.
    """
    names = [column.name for column in track.columns]
    for given, there, what in ((rows, track.rows, "row"), (columns or (), names, "column")):
        unknown = [name for name in given if name not in there]
        if unknown:
            raise ConfigError(f"the track {track.name!r} has no {what} {unknown[0]!r}; it has {', '.join(there)}")
    return [
        Cell(row, column, repetition)
        for repetition in range(repetitions)
        for column in track.columns
        if columns is None or column.name in columns
        for row in rows
    ]


def key(cell: Cell, setup: Setup) -> str:
    """A hash of all that decides a cell's result but the machine and the versions of the libraries."""
    row = ROWS[cell.row]
    made_of = {
        "format": FORMAT,
        "system": asdict(row),
        "encoder": setup.digests[row.role],
        "shots": cell.column.shots,
        "data": digest(cell.column, setup.data, cell.repetition),
        "repetition": cell.repetition,
    }
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:20]


def find(cell: Cell, setup: Setup) -> dict[str, Any] | None:
    """The result of a cell that was run before."""
    file = setup.cells / f"{key(cell, setup)}.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None


def run(cell: Cell, setup: Setup) -> dict[str, Any]:
    """Train, test and write a cell.

    Returns:
        `accuracy` in [0, 1], `seconds` of training, `train` and `test` rows, `machine`, and which cell it is.

    Raises:
        IntentAdaptersError: The encoder or the data cannot be used.
    """
    train, test = draw(cell.column, setup.data, cell.repetition)
    accuracy, seconds = _measure(ROWS[cell.row], train, test, cell.repetition, setup)
    result = {
        "system": cell.row,
        "column": cell.column.name,
        "repetition": cell.repetition,
        "accuracy": accuracy,
        "seconds": round(seconds, 2),
        "train": len(train),
        "test": len(test),
        "machine": _machine(setup.device),
    }
    setup.cells.mkdir(parents=True, exist_ok=True)
    file = setup.cells / f"{key(cell, setup)}.json"
    partial = file.with_suffix(f".{os.getpid()}")
    partial.write_text(json.dumps(result, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(file)
    return result


def _measure(row: TableRow, train: Dataset, test: Dataset, seed: int, setup: Setup) -> tuple[float, float]:
    encoder = setup.encoders[row.role]
    # The probe and SetFit get the same texts as the adapters: where the names of the intents are telling, these too.
    way = "probe" if row.way == "setfit" else row.way
    trained = train_agent(
        _open(encoder, setup.device),
        AGENT,
        train,
        seed=seed,
        method=way,
        circle_weight=None if row.metric else 0.0,
        calibrate=False,
        progress=False,
        replace=True,
    )
    if row.way == "setfit":
        return run_setfit(encoder, train, test, seed, setup.device, label_names=trained.label_names)
    return evaluate(trained.model, test, AGENT).accuracy, trained.seconds


def _machine(device: str | None) -> str:
    on_gpu = torch.cuda.is_available() and (device or "cuda").startswith("cuda")
    processor = torch.cuda.get_device_name() if on_gpu else describe_machine()["processor"]
    return f"{processor}, PyTorch {torch.__version__}"


@lru_cache(maxsize=4)
def _open(encoder: str, device: str | None) -> IntentModel:
    return IntentModel.from_pretrained(encoder, device=device)


def fill(
    cells: Sequence[Cell],
    setup: Setup,
    *,
    workers: int = 1,
    only_find: bool = False,
    on_cell: Callable[[dict[str, Any]], None] = lambda result: None,
) -> list[dict[str, Any]]:
    """Run what has not been run.

    Args:
        cells: The cells.
        setup: What to train them with, and where results are kept.
        workers: Processes; each opens the encoders for itself.
        only_find: Run nothing: give what was run before.
        on_cell: Told each result as it comes.

    Returns:
        The results in the order of `cells`.

    Raises:
        IntentAdaptersError: A cell cannot be run; those that were finished are kept.
    """
    results = [find(cell, setup) for cell in cells]
    missing = [] if only_find else [number for number, result in enumerate(results) if result is None]
    if workers <= 1 or len(missing) <= 1:
        for number in missing:
            results[number] = run(cells[number], setup)
            on_cell(results[number] or {})
    else:
        threads = max(1, (os.cpu_count() or 1) // workers)
        with ProcessPoolExecutor(
            min(workers, len(missing)), get_context("spawn"), initializer=_prepare_worker, initargs=(threads,)
        ) as pool:
            running = {pool.submit(run, cells[number], setup): number for number in missing}
            try:
                for done in as_completed(running):
                    results[running[done]] = done.result()
                    on_cell(done.result())
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise
    return [result for result in results if result is not None]


def _prepare_worker(threads: int) -> None:
    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision("high")  # TensorFloat-32, on GPUs that have it: it is accuracy that is compared
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
