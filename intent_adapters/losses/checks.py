"""Checks that several losses share."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TypeVar

from torch import Tensor

from intent_adapters.errors import ConfigError, DataError

Column = TypeVar("Column")


def check_number(name: str, value: float, *, low: float, below: float, exclude_low: bool = False) -> float:
    """Returns `value` as a float if it is a finite number in [low, below), or in (low, below).

    Args:
        name: What to call the number in the error.
        value: The number.
        low: The lower bound.
        below: The upper bound, itself not allowed.
        exclude_low: Whether the lower bound is not allowed either.

    Raises:
        ConfigError: It is not a number, not finite, or out of range.
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not low <= value < below or (exclude_low and value == low):
        interval = f"{'(' if exclude_low else '['}{low:g}, {below:g})"
        raise ConfigError(f"{name} must be a number in {interval}, but it is {value!r}")
    return float(value)


def only_column(columns: Iterable[Column], loss: str) -> Column:
    """The one text column that a loss over labelled texts takes: its features, or its embeddings.

    Raises:
        DataError: There is no text column, or more than one.
    """
    columns = list(columns)
    if len(columns) != 1:
        raise DataError(
            f"{loss} takes one text column and a label column, but it got {len(columns)} text columns: "
            "keep them with dataset.select_columns(['text', 'label'])"
        )
    return columns[0]


def check_labels(labels: Tensor | None, rows: int, loss: str) -> Tensor:
    """The labels as a vector of `rows` integers.

    Raises:
        DataError: There are no labels, they are not integers, or not one per row.
    """
    if labels is None:
        raise DataError(f"{loss} needs an intent per text: add a column 'label' of integers to the dataset")
    if labels.is_floating_point() or labels.is_complex():
        raise DataError(f"{loss} needs integer labels, but they are {labels.dtype}: cast the column to integers")
    if labels.numel() != rows:
        raise DataError(f"{loss} needs one label per text, but got {tuple(labels.shape)} labels for {rows} texts")
    return labels.reshape(-1)
