"""Batches of pairs: no false negatives, every group in every epoch, little padding."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from datasets import Dataset

from intent_adapters.errors import ConfigError, DataError
from intent_adapters.training.base.pair_sampler import PairBatchSampler


def grouped(groups=30, each=4):
    """Groups of texts of which all pairs are in, as in StyleKQC."""
    rows = []
    for group in range(groups):
        names = [f"{group} {'x' * (group % 9)} {i}" for i in range(each)]
        rows += [{"anchor": a, "positive": b} for i, a in enumerate(names) for b in names[i + 1 :]]
    return Dataset.from_list(rows)


def group_of(dataset, row):
    return int(dataset[row]["anchor"].split()[0])


def test_an_epoch_takes_one_pair_of_each_group():
    pairs = grouped()
    sampler = PairBatchSampler(pairs, 5)
    batches = list(sampler)
    assert len(sampler) == len(batches) == 6
    assert {len(batch) for batch in batches} == {5}
    assert sorted(group_of(pairs, row) for batch in batches for row in batch) == list(range(30))


def test_all_pairs_of_a_group_have_their_turn():
    sampler = PairBatchSampler(grouped(groups=4, each=3), 2)
    seen = set()
    for epoch in range(40):
        sampler.set_epoch(epoch)
        seen |= {row for batch in sampler for row in batch}
    assert seen == set(range(12))


@pytest.mark.parametrize(
    ("groups", "drop_last", "sizes"), [(8, False, [2, 3, 3]), (8, True, [3, 3]), (7, False, [3, 3]), (2, False, [2])]
)
def test_remainders(groups, drop_last, sizes):
    sampler = PairBatchSampler(grouped(groups, 2), 3, drop_last)
    batches = list(sampler)
    assert sorted(map(len, batches)) == sizes
    assert len(sampler) == len(batches)


def test_what_is_cut_off_changes():
    sampler = PairBatchSampler(grouped(groups=8, each=2), 3, drop_last=True)
    missed = set()
    for epoch in range(60):
        sampler.set_epoch(epoch)
        missed |= set(range(8)) - {row for batch in sampler for row in batch}
    assert missed == set(range(8))


def test_reproducible_by_seed_and_epoch_alone():
    pairs = grouped()

    def batches(seed, epoch):
        sampler = PairBatchSampler(pairs, 5, seed=seed)
        sampler.set_epoch(epoch)
        return list(sampler)

    assert batches(0, 1) == batches(0, 1)
    assert batches(0, 1) != batches(0, 2)
    assert batches(0, 1) != batches(1, 1)
    generator = torch.Generator().manual_seed(1)
    assert list(PairBatchSampler(pairs, 5, generator=generator)) == batches(1, 0)


def test_batches_are_of_similar_length():
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 200, 400)
    pairs = Dataset.from_dict(
        {"anchor": [f"{i} " + "x" * n for i, n in enumerate(lengths)], "positive": [f"p{i}" for i in range(400)]}
    )

    def padding(jitter):
        batches = list(PairBatchSampler(pairs, 10, length_jitter=jitter))
        return sum(len(b) * max(lengths[b]) for b in batches) / sum(lengths)

    assert padding(0.0) < 1.1 < padding(0.3) < 1.6 < padding(100.0)


@pytest.mark.parametrize("batch_size", [1, 0, 2.0, True])
def test_refuses_batch_sizes(batch_size):
    with pytest.raises(ConfigError, match="batch_size is a whole number"):
        PairBatchSampler(grouped(), batch_size)


def test_refuses_data_without_negatives():
    with pytest.raises(DataError, match="two meanings"):
        PairBatchSampler(grouped(groups=1), 2)
    with pytest.raises(DataError, match="less than a batch of 4"):
        PairBatchSampler(grouped(groups=3), 4, drop_last=True)
    with pytest.raises(DataError, match="no column of texts"):
        PairBatchSampler(Dataset.from_dict({"label": [0, 1]}), 2)
    with pytest.raises(ConfigError, match="length_jitter"):
        PairBatchSampler(grouped(), 2, length_jitter=-1)


def test_single_texts_come_once_an_epoch():
    texts = Dataset.from_dict({"text": [f"text {number}" for number in range(11)], "label": list(range(11))})
    batches = list(PairBatchSampler(texts, 4))
    assert sorted(row for batch in batches for row in batch) == list(range(11))


def test_batches_of_equal_numbers_of_tokens():
    rng = np.random.default_rng(0)
    lengths = rng.integers(3, 90, 600)
    pairs = Dataset.from_dict(
        {"anchor": ["x" * n + f" {i}" for i, n in enumerate(lengths)], "positive": [f"p {i}" for i in range(600)]}
    )

    def measure(texts):
        return np.array([len(text) for text in texts])

    sampler = PairBatchSampler(pairs, 2, max_tokens=2000, measure=measure)
    longest = measure(pairs["anchor"][:])
    for epoch in range(3):
        sampler.set_epoch(epoch)
        batches = list(sampler)
        assert len(batches) == len(sampler)
        padded = [2 * len(batch) * longest[batch].max() for batch in batches]
        assert max(padded) <= 2000
        assert np.median(padded) > 1800
        assert all(len(set(batch)) == len(batch) for batch in batches)
        assert len({row for batch in batches for row in batch}) > 550
