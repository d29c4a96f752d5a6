"""The batch sampler for few-shot intent data: company for every intent, and texts of similar length together."""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from numpy.typing import NDArray

from intent_adapters.errors import ConfigError, DataError
from intent_adapters.inputs import check_range
from intent_adapters.training.length_sampler import LengthBatchSampler

IntArray = NDArray[np.int64]


class IntentBatchSampler(LengthBatchSampler):
    """Batches in which no text is the only one of its intent, unless it is the only one in the data.

    Circle loss learns nothing from a text without another of its intent beside it. So each intent is cut into chunks
    of `samples_per_intent` texts (one of three where pairs leave a text over), anew in every epoch, and a batch is
    made of whole chunks. In every epoch:

    - every row of the dataset comes exactly once, so `drop_last` changes nothing: there is no remainder;
    - an intent with two or more rows has two or more in each batch where it appears;
    - no batch is larger than `batch_size`, and sizes differ by no more than the largest chunk's;
    - the number of batches is the same.

    Texts of an intent are paired by length, and chunks of similar length share a batch, so that little of it is
    padding: by characters, which stand in well for tokens. To let the company of a text change from epoch to epoch,
    each length is first multiplied by exp(length_jitter * z), with z normally distributed. The order of the batches is
    random. The batches depend on the data, the settings, the seed and the epoch, and on nothing else.

    Args:
        dataset: The rows: a column of labels (integers or strings) and a column of texts, the first one that is
            neither a label column nor `dataset_name`.
        batch_size: The most rows in a batch, at least 2, and at least the size of the largest chunk.
        drop_last: Accepted because the trainer passes it; see above. With several processes it also tells
            accelerate to drop the batches that would not come out even.
        valid_label_columns: Names of label columns; the first one that the dataset has is used. `label` by default.
        generator: A generator whose initial seed takes the place of `seed`. Nothing is drawn from it, so that what
            else draws from it has no influence.
        seed: The seed, 0 or more.
        samples_per_intent: The size of the chunks, at least 2. An intent with fewer rows makes one chunk.
        length_jitter: How much randomness there is in the sorting by length, 0 or more. 0 gives the least padding and
            nearly the same batches in every epoch; at 3 batches are nearly random.

    Raises:
        ConfigError: A setting is out of range.
        DataError: The dataset is empty, has no label or text column, or a row without a label or text.

    Example:
        ::

            from functools import partial

            SentenceTransformerTrainingArguments("out", batch_sampler=IntentBatchSampler)
            SentenceTransformerTrainingArguments("out", batch_sampler=partial(IntentBatchSampler, length_jitter=0.5))
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int,
        drop_last: bool = False,
        valid_label_columns: list[str] | None = None,
        generator: torch.Generator | None = None,
        seed: int = 0,
        samples_per_intent: int = 2,
        length_jitter: float = 0.1,
    ) -> None:
        check_range("samples_per_intent", samples_per_intent, 2)
        super().__init__(dataset, batch_size, drop_last, valid_label_columns, generator, seed, length_jitter)
        # accelerate takes a number here as a promise that all batches but the last have exactly this size. It would
        # lose the smaller ones with several processes and cut the last one's eval_loss. None means that sizes vary.
        self.batch_size = None  # type: ignore[assignment]

        label_column, text_column = self._find_columns(dataset.column_names)
        plain = dataset.with_format(None)
        self._intent_of_row = _number_intents(plain[label_column][:], label_column)
        self._log_length = _log_lengths(plain[text_column][:], text_column)
        self._chunk_sizes, self._intent_of_chunk = _cut_intents(self._intent_of_row, samples_per_intent)
        self._plan = _plan_batches(self._chunk_sizes, batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        """Yields the row numbers of each batch of the current epoch."""
        rng = np.random.default_rng([self.seed, self.epoch])
        chunks = self._draw_chunks(rng)
        taken = dict.fromkeys(chunks, 0)
        batches: list[list[int]] = []
        # Walking the plan in random order spreads the batches with more chunks of a size, so that the queues of all
        # sizes advance at the same pace and chunks of the same length rank meet.
        for number in rng.permutation(len(self._plan)):
            batch: list[int] = []
            for size, count in self._plan[number].items():
                batch.extend(chunks[size][taken[size] : taken[size] + count].ravel().tolist())
                taken[size] += count
            batches.append(batch)
        for number in rng.permutation(len(batches)):
            yield batches[number]

    def __len__(self) -> int:
        """The number of batches in every epoch."""
        return len(self._plan)

    def _find_columns(self, names: list[str]) -> tuple[str, str]:
        label = next((name for name in self.label_columns if name in names), None)
        if label is None:
            raise DataError(
                f"The dataset needs a label column (one of {self.label_columns}), but its columns are {names}"
            )
        if not self.text_columns:
            raise DataError(f"The dataset needs a text column beside its labels, but its columns are {names}")
        return label, self.text_columns[0]

    def _draw_chunks(self, rng: np.random.Generator) -> dict[int, IntArray]:
        """This epoch's chunks: for each chunk size, row numbers (chunks, size), sorted by jittered length."""
        noise = rng.standard_normal(len(self._log_length))
        length = self._log_length + self.length_jitter * noise
        tie_break = rng.random(len(length))
        rows = np.lexsort((tie_break, length, self._intent_of_row))
        # Which of an intent's chunks is the larger one, the short texts' or the long texts', is drawn too.
        sizes = self._chunk_sizes[np.lexsort((rng.random(len(self._chunk_sizes)), self._intent_of_chunk))]
        starts = np.cumsum(sizes) - sizes
        longest = np.maximum.reduceat(length[rows], starts)
        by_size = {}
        for size in np.unique(sizes).tolist():
            chosen = np.flatnonzero(sizes == size)
            chosen = chosen[np.argsort(longest[chosen], kind="stable")]
            by_size[size] = rows[starts[chosen][:, None] + np.arange(size)]
        return by_size


def _number_intents(labels: Sequence[Any], column: str) -> IntArray:
    """Intents as numbers in order of appearance (rows,)."""
    numbers: dict[int | str, int] = {}
    intent_of_row = np.empty(len(labels), dtype=np.int64)
    for row, label in enumerate(labels):
        if not isinstance(label, int | str):
            raise DataError(f"Row {row} has the label {label!r}: column {column!r} must hold integers or strings")
        intent_of_row[row] = numbers.setdefault(label, len(numbers))
    if not numbers:
        raise DataError("The dataset has no rows: there is nothing to draw batches from")
    return intent_of_row


def _log_lengths(texts: Sequence[Any], column: str) -> NDArray[np.float64]:
    """Logarithm of the number of characters, plus one for the tokens around every text (rows,)."""
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError(f"Row {row} has {text!r} in column {column!r}, which must hold texts")
    return np.log1p(np.array([len(text) for text in texts], dtype=np.float64))


def _cut_intents(intent_of_row: IntArray, samples_per_intent: int) -> tuple[IntArray, IntArray]:
    """Cuts every intent into chunks of nearly equal size; returns the chunks' sizes and intents, intent by intent.

    A chunk has at most `samples_per_intent` rows, except that pairs leave one chunk of three in an odd intent. It has
    at least two, except where the intent has only one.
    """
    sizes, intents = [], []
    for intent, rows in enumerate(np.bincount(intent_of_row).tolist()):
        chunks = max(1, min(-(-rows // samples_per_intent), rows // 2))
        small, larger = divmod(rows, chunks)
        sizes += [small + 1] * larger + [small] * (chunks - larger)
        intents += [intent] * chunks
    return np.array(sizes, dtype=np.int64), np.array(intents, dtype=np.int64)


def _plan_batches(chunk_sizes: IntArray, batch_size: int) -> list[Counter[int]]:
    """How many chunks of which size each batch takes: few batches, all within `batch_size`, of nearly equal size."""
    sizes = sorted(chunk_sizes.tolist(), reverse=True)
    if sizes[0] > batch_size:
        raise ConfigError(
            f"batch_size {batch_size} is too small for the {sizes[0]} texts of one intent that have to stay together: "
            f"take at least {sizes[0]}, or a smaller samples_per_intent"
        )
    counts = range(-(-sum(sizes) // batch_size), len(sizes) + 1)
    fits = bisect_left(counts, True, key=lambda count: _fullest(_balance(sizes, count)) <= batch_size)
    return _balance(sizes, counts[fits])


def _balance(sizes: list[int], count: int) -> list[Counter[int]]:
    """Puts each chunk, largest first, into the batch that is the least full so far."""
    plan: list[Counter[int]] = [Counter() for _ in range(count)]
    fill = [(0, number) for number in range(count)]
    for size in sizes:
        rows, number = fill[0]
        plan[number][size] += 1
        heapq.heapreplace(fill, (rows + size, number))
    return plan


def _fullest(plan: list[Counter[int]]) -> int:
    return max(sum(size * count for size, count in batch.items()) for batch in plan)
