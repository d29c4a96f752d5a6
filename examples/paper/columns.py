"""The data of a column: the utterances of one repetition to train on, and those to test on."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path

from datasets import Dataset

from examples.paper.tracks import Column
from intent_adapters.data import few_shot_split, read_intents
from intent_adapters.errors import ConfigError, DataError


def draw(column: Column, data: Path, repetition: int) -> tuple[Dataset, Dataset]:
    """The rows of one repetition, whose number is the seed of the draw: those to train on and those to test on.

    Raises:
        DataError: A file cannot be read, or has too few rows.
        ConfigError: There is no given draw for this repetition.
    """
    rows = _read(_place(column.rows, data))
    if column.draws is None:
        train, rest = few_shot_split(rows, column.shots, repetition)
    else:
        train, rest = _given_draw(rows, column, data, repetition)
    test = rest if column.test is None else _read(_place(column.test, data))
    dropped = _dropped(column, data)
    if not dropped:
        return train, test
    return tuple(
        part.select([index for index, label in enumerate(part["label"]) if label not in dropped])
        for part in (train, test)
    )


def digest(column: Column, data: Path, repetition: int) -> str:
    """SHA-256 of the files behind a repetition, or of the name of a Hub data set."""
    total = hashlib.sha256()
    given = None if column.draws is None else f"{column.draws}/seed_{repetition}.json"
    for name in (column.rows, column.test, column.dropped, given):
        if name is not None:
            path = data / name
            total.update(bytes.fromhex(file_digest(path)) if path.is_file() else name.encode())
    return total.hexdigest()


@lru_cache
def file_digest(file: Path) -> str:
    """SHA-256 of a file, read once in a process."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _place(name: str, data: Path) -> str:
    path = data / name
    return str(path) if path.exists() else name


@lru_cache(maxsize=8)
def _read(source: str) -> Dataset:
    # As they are: a draw names rows by their number.
    return read_intents(source, split=None, purpose="evaluation")


def _dropped(column: Column, data: Path) -> set[str]:
    if column.dropped is None:
        return set()
    return set(json.loads((data / column.dropped).read_text(encoding="utf-8"))["dropped"])


def _given_draw(rows: Dataset, column: Column, data: Path, repetition: int) -> tuple[Dataset, Dataset]:
    file = data / str(column.draws) / f"seed_{repetition}.json"
    if not file.is_file():
        raise ConfigError(f"{column.name} has no draw for repetition {repetition}: there is no file {file}")
    drawn: dict[str, list[int]] = json.loads(file.read_text(encoding="utf-8"))["train"]
    indices = sorted(index for given in drawn.values() for index in given)
    wrong = [label for label, given in drawn.items() if len(given) != column.shots]
    if wrong or not indices or indices[-1] >= len(rows):
        raise DataError(f"{file} does not draw {column.shots} of the {len(rows)} rows for each intent")
    chosen = set(indices)
    return rows.select(indices), rows.select([index for index in range(len(rows)) if index not in chosen])
