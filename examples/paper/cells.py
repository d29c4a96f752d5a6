"""One cell of a table: one system on one column in one repetition, trained, tested, and kept by what made it."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset

from examples.benchmark.machine import describe_machine
from examples.paper.columns import digest, draw
from examples.paper.setfit import run_setfit
from examples.paper.systems import SYSTEMS, System
from examples.paper.track import Column
from intent_adapters.evaluation.agent import evaluate
from intent_adapters.model import IntentModel
from intent_adapters.training import train_agent
from intent_adapters.training.agent import Method

AGENT = "reproduced"
FORMAT = 1
"""To be raised when a change of the training makes older cells worthless."""


@dataclass(frozen=True)
class Cell:
    """What is trained and measured.

    Attributes:
        system: Its name in `SYSTEMS`.
        column: The column.
        repetition: Seed of the draw and of the training.
    """

    system: str
    column: Column
    repetition: int


@dataclass(frozen=True)
class Bench:
    """Where cells are run.

    Attributes:
        data: The data folder.
        encoders: Folder or Hub id of each encoder, by role.
        digests: What each encoder is, by role: part of a cell's key.
        cells: Folder of the results.
        device: As in PyTorch; None takes the best there is.
    """

    data: Path
    encoders: Mapping[str, str]
    digests: Mapping[str, str]
    cells: Path
    device: str | None = None


def key(cell: Cell, bench: Bench) -> str:
    """A hash of all that decides a cell's result but the machine and the versions of the libraries."""
    system = SYSTEMS[cell.system]
    made_of = {
        "format": FORMAT,
        "system": asdict(system),
        "encoder": bench.digests[system.role],
        "shots": cell.column.shots,
        "data": digest(cell.column, bench.data, cell.repetition),
        "repetition": cell.repetition,
    }
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:20]


def find(cell: Cell, bench: Bench) -> dict[str, Any] | None:
    """The result of a cell that was run before."""
    file = bench.cells / f"{key(cell, bench)}.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None


def run(cell: Cell, bench: Bench) -> dict[str, Any]:
    """Train, test and write a cell.

    Args:
        cell: Which one.
        bench: Where.

    Returns:
        `accuracy` in [0, 1], `seconds` of training, `train` and `test` rows, `machine`, and which cell it is.

    Raises:
        IntentAdaptersError: The encoder or the data cannot be used.
    """
    system = SYSTEMS[cell.system]
    train, test = draw(cell.column, bench.data, cell.repetition)
    accuracy, seconds = _measure(system, train, test, cell.repetition, bench)
    result = {
        "system": cell.system,
        "column": cell.column.name,
        "repetition": cell.repetition,
        "accuracy": accuracy,
        "seconds": round(seconds, 2),
        "train": len(train),
        "test": len(test),
        "machine": _machine(bench.device),
    }
    bench.cells.mkdir(parents=True, exist_ok=True)
    file = bench.cells / f"{key(cell, bench)}.json"
    partial = file.with_suffix(f".{os.getpid()}")
    partial.write_text(json.dumps(result, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(file)
    return result


def _measure(system: System, train: Dataset, test: Dataset, seed: int, bench: Bench) -> tuple[float, float]:
    encoder = bench.encoders[system.role]
    if system.way == "setfit":
        return run_setfit(encoder, train, test, seed, bench.device)
    method: Method = system.way
    model = _open(encoder, bench.device)
    started = time.perf_counter()
    trained = train_agent(
        model,
        AGENT,
        train,
        seed=seed,
        method=method,
        circle_weight=None if system.metric else 0.0,
        calibrate=False,
        progress=False,
        replace=True,
    )
    seconds = time.perf_counter() - started
    return evaluate(trained.model, test, AGENT).accuracy, seconds


def _machine(device: str | None) -> str:
    on_gpu = torch.cuda.is_available() and (device or "cuda").startswith("cuda")
    processor = torch.cuda.get_device_name() if on_gpu else describe_machine()["processor"]
    return f"{processor}, PyTorch {torch.__version__}"


@lru_cache(maxsize=4)
def _open(encoder: str, device: str | None) -> IntentModel:
    return IntentModel.from_pretrained(encoder, device=device)
