"""The batch sampler for pairs: no false negatives, and texts of similar length together."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from datasets import Dataset

from intent_adapters.data.pairs import meaning_groups
from intent_adapters.errors import DataError
from intent_adapters.training.length_sampler import LengthBatchSampler


class PairBatchSampler(LengthBatchSampler):
    """Batches of pairs in which every text has one paraphrase only: its own.

    The other positives of a batch are negatives. So pairs that share a text, directly or along a chain of pairs, are
    one group, and an epoch takes one random pair of each group: no text comes twice in an epoch, no two pairs of one
    meaning meet, and a group whose pairs are all combinations of ten sentences weighs no more than any other.

    Batches are cut from the pairs in order of their length; the order of the batches is random.

    Args:
        dataset: The pairs: the first two columns that are neither labels nor `dataset_name` are the texts.
        batch_size: Pairs in a batch, at least 2.
        drop_last: Whether to leave out a last batch that is smaller. A batch of one pair has no negatives, and is left
            out always.
        valid_label_columns: As `LengthBatchSampler`, and so the others.
        generator: Takes the place of `seed`.
        seed: The seed, 0 or more.
        length_jitter: How much randomness there is in the sorting by length, 0 or more.

    Raises:
        ConfigError: A setting is out of range.
        DataError: There are no two text columns, or fewer than two groups.
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
    ) -> None:
        super().__init__(dataset, batch_size, drop_last, valid_label_columns, generator, seed, length_jitter)
        if len(self.text_columns) < 2:
            raise DataError(f"pairs need two text columns, but the columns are {dataset.column_names}")
        plain = dataset.with_format(None)
        anchors, positives = (plain[name][:] for name in self.text_columns[:2])
        self._group = meaning_groups(anchors, positives)
        self._groups = int(self._group.max(initial=-1)) + 1
        if self._groups < 2:
            raise DataError(f"contrastive training needs pairs of two meanings at least, but there are {self._groups}")
        if not len(self):
            raise DataError(
                f"there are {self._groups} meanings, less than a batch of {batch_size} pairs: use a smaller batch_size"
            )
        longest = [max(len(anchor), len(positive), 1) for anchor, positive in zip(anchors, positives, strict=True)]
        self._log_length = np.log(np.array(longest))

    def __iter__(self) -> Iterator[list[int]]:
        """Yields the row numbers of each batch of the current epoch."""
        rng = np.random.default_rng([self.seed, self.epoch])
        order = rng.permutation(len(self._group))
        _, first = np.unique(self._group[order], return_index=True)
        rows = order[first]
        length = self._log_length[rows] + self.length_jitter * rng.standard_normal(len(rows))
        rows = rows[np.lexsort((rng.random(len(rows)), length))]
        # What does not fill a batch is cut off at random from both ends: the longest pairs must have their turn too.
        batches = [rows[start : start + self.batch_size] for start in range(0, len(rows), self.batch_size)]
        if len(self) < len(batches):
            shift = int(rng.integers(len(rows) - len(self) * self.batch_size + 1))
            batches = [rows[shift + i * self.batch_size :][: self.batch_size] for i in range(len(self))]
        for number in rng.permutation(len(batches)):
            yield batches[number].tolist()

    def __len__(self) -> int:
        """The number of batches in every epoch."""
        whole, rest = divmod(self._groups, self.batch_size)
        return whole + (rest > 1 and not self.drop_last)
