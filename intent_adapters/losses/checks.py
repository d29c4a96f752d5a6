"""What losses over labelled texts ask of their inputs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from torch import Tensor

from intent_adapters.errors import DataError

Column = TypeVar("Column")


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
