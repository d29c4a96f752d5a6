"""What the metrics share: checked arrays, averages over rows of equal score, and blocks of figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from intent_adapters.errors import DataError

Floats: TypeAlias = NDArray[np.float64]
Numbers: TypeAlias = Sequence[float] | NDArray[np.floating]
Flags: TypeAlias = Sequence[bool] | NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Figures:
    """A block of figures; fields without a `repr` are what they were counted from."""

    def to_dict(self) -> dict[str, Any]:
        """The figures as values that JSON can hold."""
        return {entry.name: _plain(getattr(self, entry.name)) for entry in fields(self) if entry.repr}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return value.to_dict() if isinstance(value, Figures) else value


def numbers(name: str, values: Numbers) -> Floats:
    """Finite scores (rows,) as float64, at least one; a DataError about `name` if they are anything else."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or not len(array):
        raise DataError(f"{name} has the shape {array.shape}; give one number for each row, and at least one row")
    if not np.isfinite(array).all():
        row = int(np.flatnonzero(~np.isfinite(array))[0])
        raise DataError(f"{name}[{row}] is {array[row]}; give finite numbers")
    return array


def flags(name: str, values: Flags, rows: int) -> NDArray[np.bool_]:
    """Yes or no for each of so many rows, (rows,); a DataError about `name` if there are more or fewer."""
    array = np.asarray(values, dtype=np.bool_)
    if array.shape != (rows,):
        raise DataError(f"{name} has the shape {array.shape}; give one yes or no for each of the {rows} rows")
    return array


def mean_over_ties(order_by: Floats, values: Floats) -> Floats:
    """Each value (rows,) replaced by the mean of all values whose rows score the same.

    A sum over the first rows in the order of the score is then its expectation over random orders of the ties, so no
    metric depends on the order in which rows of equal score were written.
    """
    _, group, sizes = np.unique(order_by, return_inverse=True, return_counts=True)
    means: Floats = np.bincount(group, weights=values) / sizes
    return means[group]
