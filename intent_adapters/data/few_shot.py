"""The labels of a dataset, and the few-shot draws that the literature measures with."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING

from intent_adapters.errors import DataError
from intent_adapters.inputs import check_range

if TYPE_CHECKING:
    from datasets import Dataset


def label_counts(dataset: Dataset) -> dict[str, int]:
    """How many rows each intent has, intents in sorted order.

    Sorted, because the order is that of an adapter's head, which then does not depend on the order of the rows.

    Args:
        dataset: Rows with `label`.

    Returns:
        The number of rows by intent.
    """
    return dict(sorted(Counter(dataset["label"]).items()))


def few_shot_split(dataset: Dataset, shots: int, seed: int = 0) -> tuple[Dataset, Dataset]:
    """Draws `shots` rows of each intent at random.

    Each intent is drawn on its own, from the seed and its name: adding an intent leaves the other draws as they were.

    Args:
        dataset: Rows with `text` and `label`.
        shots: Rows of each intent, at least 1.
        seed: The same seed and rows give the same draw.

    Returns:
        The drawn rows and all others, both in their order in `dataset`.

    Raises:
        ConfigError: `shots` is not a whole number of at least 1.
        DataError: An intent has fewer rows than that.
    """
    check_range("shots", shots, 1)
    rows_of: dict[str, list[int]] = {}
    for index, label in enumerate(dataset["label"]):
        rows_of.setdefault(label, []).append(index)
    poor = sorted((len(rows), label) for label, rows in rows_of.items() if len(rows) < shots)
    if poor:
        count, label = poor[0]
        raise DataError(
            f"{len(poor)} intents have fewer than {shots} rows, such as {label!r} with {count}; "
            f"ask for at most {count} shots, or add rows"
        )
    drawn: set[int] = set()
    for label, rows in rows_of.items():
        drawn.update(random.Random(f"{seed}/{label}").sample(rows, shots))
    rest = [index for index in range(len(dataset)) if index not in drawn]
    return dataset.select(sorted(drawn)), dataset.select(rest)
