"""The batch sampler of stages 1 and 2: no false negatives, and texts of similar length together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from datasets import Dataset
from numpy.typing import NDArray

from intent_adapters.data.pairs import meaning_groups
from intent_adapters.errors import DataError
from intent_adapters.inputs import check_range
from intent_adapters.training.length_sampler import LengthBatchSampler


class PairBatchSampler(LengthBatchSampler):
    """Batches of pairs in which every text has one paraphrase only: its own.

    The other positives of a batch are negatives. So pairs that share a text, directly or along a chain of pairs, are
    one group, and an epoch takes one random pair of each group: no text comes twice in an epoch, no two pairs of one
    meaning meet, and a group whose pairs are all combinations of ten sentences weighs no more than any other. Where
    there is one text column, each text is a group of its own.

    Batches are cut from the rows in order of their length; the order of the batches is random.

    Args:
        dataset: The pairs: the columns that are neither labels nor `dataset_name` are the texts.
        batch_size: Rows in a batch, at least 2.
        drop_last: Whether to leave out a last batch that is smaller. A batch of one pair has no negatives, and is left
            out always.
        valid_label_columns: As `LengthBatchSampler`, and so the others.
        generator: Takes the place of `seed`.
        seed: The seed, 0 or more.
        length_jitter: How much randomness there is in the sorting by length, 0 or more.
        max_tokens: With `measure`: batches of as many rows as have so many tokens with padding, all columns together,
            and at least 2, whatever `batch_size` says.
        measure: Gives the lengths of texts in tokens.

    Raises:
        ConfigError: A setting is out of range.
        DataError: There is no text column, or there are fewer groups than a batch has rows.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int,
        drop_last: bool = False,
        valid_label_columns: list[str] | None = None,
        generator: torch.Generator | None = None,
        seed: int = 0,
        length_jitter: float = 0.3,
        max_tokens: int | None = None,
        measure: Callable[[Sequence[str]], NDArray[np.int64]] | None = None,
    ) -> None:
        super().__init__(dataset, batch_size, drop_last, valid_label_columns, generator, seed, length_jitter)
        if max_tokens is not None:
            check_range("max_tokens", max_tokens, 1)
        self._max_tokens = max_tokens
        plain = dataset.with_format(None)
        columns = [plain[name][:] for name in self.text_columns[:2]]
        if not columns:
            raise DataError(f"there is no column of texts, but only {dataset.column_names}")
        self._columns = len(columns)
        self._group = meaning_groups(*columns) if len(columns) == 2 else np.arange(len(columns[0]))
        groups = int(self._group.max(initial=-1)) + 1
        if groups < 2:
            raise DataError(f"training needs texts of two meanings at least, but there are {groups}")
        measured = [_characters(texts) if measure is None else measure(texts) for texts in columns]
        self._length = np.maximum(np.max(measured, axis=0), 1)
        # What one draw gives; another may have longer texts, and then a few batches more.
        self._batches = len(self._cut(np.random.default_rng([self.seed, 0])))
        if not self._batches:
            raise DataError(
                f"there are {groups} meanings, less than a batch of {batch_size}: use a smaller batch_size"
            )

    def __iter__(self) -> Iterator[list[int]]:
        """Yields the row numbers of each batch of the current epoch."""
        rng = np.random.default_rng([self.seed, self.epoch])
        batches = self._cut(rng)
        while len(batches) < len(self):
            batches += self._cut(rng)
        for number in rng.permutation(len(batches))[: len(self)]:
            yield batches[number].tolist()

    def __len__(self) -> int:
        """The number of batches in every epoch."""
        return self._batches

    def _cut(self, rng: np.random.Generator) -> list[NDArray[np.int64]]:
        """One row of each group, in batches of similar length."""
        order = rng.permutation(len(self._group))
        _, first = np.unique(self._group[order], return_index=True)
        rows = order[first]
        length = np.log(self._length[rows]) + self.length_jitter * rng.standard_normal(len(rows))
        rows = rows[np.lexsort((rng.random(len(rows)), length))]
        if self._max_tokens is not None:
            return self._cut_by_tokens(rows)
        whole, rest = divmod(len(rows), self.batch_size)
        if rest > 1 and not self.drop_last:
            return [rows[start : start + self.batch_size] for start in range(0, len(rows), self.batch_size)]
        # What does not fill a batch is cut off at random from both ends: the longest pairs must have their turn too.
        shift = int(rng.integers(rest + 1))
        return [rows[shift + number * self.batch_size :][: self.batch_size] for number in range(whole)]

    def _cut_by_tokens(self, rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        assert self._max_tokens is not None
        starts, longest = [0], 0
        for place, row in enumerate(rows):
            longest = max(longest, int(self._length[row]))
            count = place + 1 - starts[-1]
            if count > 2 and count * longest * self._columns > self._max_tokens:
                starts.append(place)
                longest = int(self._length[row])
        batches = np.split(rows, starts[1:])
        return batches if len(batches[-1]) > 1 else batches[:-1]


def _characters(texts: Sequence[str]) -> NDArray[np.int64]:
    return np.array([len(text) for text in texts])
