"""What the batch samplers of this package share: batches of texts of similar length, drawn anew in every epoch."""

from __future__ import annotations

import torch
from datasets import Dataset
from sentence_transformers.base.sampler import DefaultBatchSampler

from intent_adapters.inputs import check_number, check_range


class LengthBatchSampler(DefaultBatchSampler):
    """A batch sampler in the form that `SentenceTransformerTrainingArguments.batch_sampler` takes.

    A batch is padded to its longest text, and short texts mixed with long ones make most of it padding. So rows are
    sorted by length, each first multiplied by exp(length_jitter * z) with z normally distributed. The batches depend
    on the data, the settings, the seed and the epoch, and on nothing else.

    Args:
        dataset: The rows.
        batch_size: The most rows in a batch, at least 2.
        drop_last: Whether to leave out a last batch that is smaller.
        valid_label_columns: Names of label columns, which are not texts; `label` by default.
        generator: A generator whose initial seed takes the place of `seed`; nothing is drawn from it.
        seed: The seed, 0 or more.
        length_jitter: How much randomness there is in the sorting by length, 0 or more.

    Raises:
        ConfigError: A setting is out of range.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int,
        drop_last: bool,
        valid_label_columns: list[str] | None,
        generator: torch.Generator | None,
        seed: int,
        length_jitter: float,
    ) -> None:
        check_range("batch_size", batch_size, 2)
        check_range("seed", seed, 0)
        self.length_jitter = check_number("length_jitter", length_jitter, 0)
        # sentence-transformers 6.0 hands the trainer's seed over in the generator alone.
        seed = generator.initial_seed() if generator is not None else seed
        super().__init__(dataset, batch_size, drop_last, valid_label_columns, generator, seed)
        self.label_columns = valid_label_columns or ["label"]
        ignored = {*self.label_columns, "dataset_name"}
        self.text_columns = [name for name in dataset.column_names if name not in ignored]
