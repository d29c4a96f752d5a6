"""The guarantees of IntentBatchSampler on random data, its padding, and its place in the trainer."""

from __future__ import annotations

from collections import Counter
from functools import partial
from itertools import combinations

import numpy as np
import pytest
import torch
from accelerate.data_loader import BatchSamplerShard
from datasets import ClassLabel, Dataset
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments

from intent_adapters.errors import ConfigError, DataError
from intent_adapters.losses import CircleLoss
from intent_adapters.training.agent.sampler import IntentBatchSampler
from tests.support.shared import shared_path
from tests.support.tiny import tiny_base


def dataset_of(counts, seed=0):
    """Rows of `counts[i]` texts of intent i, shuffled, with skewed lengths like real utterances'."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation([intent for intent, count in enumerate(counts) for _ in range(count)]).tolist()
    lengths = np.exp(rng.normal(3.8, 0.6, len(labels))).astype(int) + 1
    return Dataset.from_dict({"text": ["x" * length for length in lengths], "label": labels})


def epoch_of(sampler, epoch):
    sampler.set_epoch(epoch)
    return [list(batch) for batch in sampler]


def companions(batches):
    return {pair for batch in batches for pair in combinations(sorted(batch), 2)}


def padding(batches, lengths):
    """Padded characters per real character."""
    return sum(len(batch) * lengths[batch].max() for batch in batches) / lengths.sum()


@given(
    counts=st.lists(st.integers(1, 12), min_size=1, max_size=30),
    batch_size=st.integers(2, 40),
    samples_per_intent=st.integers(2, 5),
    jitter=st.sampled_from([0.0, 0.2, 5.0]),
    seed=st.integers(0, 2**32),
    epoch=st.integers(0, 3),
)
@settings(max_examples=150, deadline=None)
def test_every_epoch_keeps_the_guarantees(counts, batch_size, samples_per_intent, jitter, seed, epoch):
    largest_chunk = max(min(count, max(samples_per_intent, 2 + count % 2)) for count in counts)
    assume(batch_size >= largest_chunk)
    data = dataset_of(counts)
    make = partial(
        IntentBatchSampler, data, batch_size, seed=seed, samples_per_intent=samples_per_intent, length_jitter=jitter
    )
    batches = epoch_of(make(), epoch)
    labels = data["label"][:]
    assert sorted(row for batch in batches for row in batch) == list(range(sum(counts)))
    for batch in batches:
        assert len(batch) <= batch_size
        for intent, rows in Counter(labels[row] for row in batch).items():
            assert rows >= 2 or counts[intent] == 1
    sizes = [len(batch) for batch in batches]
    assert max(sizes) - min(sizes) <= largest_chunk
    assert len(batches) == len(make())
    assert epoch_of(make(), epoch) == batches


def test_pairs_leave_one_chunk_of_three_in_an_odd_intent():
    data = dataset_of([7, 4, 1])
    batches = epoch_of(IntentBatchSampler(data, batch_size=3), 0)
    labels = data["label"][:]
    chunks = Counter(tuple(labels[row] for row in batch) for batch in batches)
    assert chunks[0, 0, 0] == 1
    assert sorted(len(batch) for batch in batches) == [2, 2, 2, 3, 3]


def test_larger_chunks():
    data = dataset_of([4] * 12)
    labels = data["label"][:]
    for batch in epoch_of(IntentBatchSampler(data, batch_size=8, samples_per_intent=4), 0):
        assert set(Counter(labels[row] for row in batch).values()) == {4}


def test_there_is_no_stray_last_batch():
    sizes = [len(batch) for batch in epoch_of(IntentBatchSampler(dataset_of([2] * 33), batch_size=64), 0)]
    assert sorted(sizes) == [32, 34]


def test_full_batches_where_the_data_divides():
    batches = epoch_of(IntentBatchSampler(dataset_of([4] * 32), batch_size=32), 0)
    assert [len(batch) for batch in batches] == [32] * 4


def test_epochs_and_seeds_differ_and_repeat():
    data = dataset_of([5] * 40)
    sampler = IntentBatchSampler(data, 32, seed=1)
    first, second = epoch_of(sampler, 0), epoch_of(sampler, 1)
    assert first != second
    assert epoch_of(sampler, 0) == first
    assert epoch_of(IntentBatchSampler(data, 32, seed=2), 0) != first


def test_the_generator_brings_its_seed_and_keeps_its_state():
    data = dataset_of([5] * 40)
    generator = torch.Generator().manual_seed(3)
    sampler = IntentBatchSampler(data, 32, generator=generator)
    generator.manual_seed(4)
    state = generator.get_state()
    assert epoch_of(sampler, 1) == epoch_of(IntentBatchSampler(data, 32, seed=3), 1)
    assert torch.equal(generator.get_state(), state)


def test_similar_lengths_share_a_batch_yet_company_changes():
    data = dataset_of([5] * 77)
    lengths = np.array([len(text) for text in data["text"]])
    shuffled = np.array_split(np.random.default_rng(0).permutation(len(lengths)), 7)
    sorted_sampler, default, random = (
        IntentBatchSampler(data, 64, length_jitter=jitter) for jitter in (0.0, 0.2, 10.0)
    )
    waste = {name: padding(epoch_of(s, 0), lengths) for name, s in (("sorted", sorted_sampler), ("default", default))}
    assert waste["sorted"] < waste["default"] < 0.75 * padding(shuffled, lengths)
    assert padding(epoch_of(random, 0), lengths) > 0.9 * padding(shuffled, lengths)

    def kept(sampler):
        before, after = companions(epoch_of(sampler, 0)), companions(epoch_of(sampler, 1))
        return len(before & after) / len(before)

    assert kept(default) < 0.35
    assert kept(default) < kept(sorted_sampler)


@pytest.mark.parametrize("name", ["banking77/train_5", "clinc150/train_5", "banking77/train"])
def test_padding_on_real_utterances(name):
    data = Dataset.from_json(str(shared_path(f"data/intents/{name}.jsonl")))
    lengths = np.array([len(text) for text in data["text"]])
    sampler = IntentBatchSampler(data, 64)
    shuffled = np.array_split(np.random.default_rng(0).permutation(len(lengths)), len(sampler))
    real, unsorted = padding(epoch_of(sampler, 0), lengths), padding(shuffled, lengths)
    assert real - 1 < 0.7 * (unsorted - 1), f"{real:.2f} padded characters per character, unsorted {unsorted:.2f}"


def test_labels_may_be_strings_integers_or_class_labels():
    integers = dataset_of([3, 5, 2, 1])
    strings = Dataset.from_dict({"text": integers["text"][:], "label": [f"intent {i}" for i in integers["label"]]})
    classes = integers.cast_column("label", ClassLabel(names=list("abcd")))
    batches = [epoch_of(IntentBatchSampler(data, 4), 0) for data in (integers, strings, classes)]
    assert batches[0] == batches[1] == batches[2]


def test_label_column_and_format_of_the_dataset():
    data = dataset_of([3, 5, 2])
    expected = epoch_of(IntentBatchSampler(data, 4), 0)
    renamed = data.rename_columns({"label": "score", "text": "utterance"}).with_format("torch")
    assert epoch_of(IntentBatchSampler(renamed, 4, valid_label_columns=["labels", "score"]), 0) == expected


@pytest.mark.parametrize("processes", [2, 3])
def test_several_processes_share_the_rows_without_loss(processes):
    """Accelerate drops batches smaller than the sampler's batch_size, unless it is told that sizes vary."""
    sampler = IntentBatchSampler(dataset_of([5] * 30), 16)
    shards = [BatchSamplerShard(sampler, processes, index, even_batches=False) for index in range(processes)]
    assert sorted(row for shard in shards for batch in shard for row in batch) == list(range(150))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 1}, "batch_size is a whole number of at least 2, not 1"),
        ({"batch_size": 8.0}, "batch_size"),
        ({"samples_per_intent": 1}, "samples_per_intent is a whole number of at least 2"),
        ({"seed": -1}, "seed is a whole number of at least 0"),
        ({"length_jitter": -0.1}, "length_jitter"),
        ({"length_jitter": float("nan")}, "length_jitter"),
        ({"batch_size": 2}, "batch_size 2 is too small for the 3 texts of one intent .* take at least 3"),
        ({"batch_size": 4, "samples_per_intent": 5}, "too small for the 5 texts"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        IntentBatchSampler(dataset_of([5, 5]), **{"batch_size": 8, **settings})


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"text": ["a"], "intent": ["x"]}, "needs a label column"),
        ({"label": ["x"]}, "needs a text column"),
        ({"text": [], "label": []}, "no rows"),
        ({"text": ["a", None], "label": [0, 1]}, "Row 1 has None in column 'text'"),
        ({"text": ["a", "b"], "label": [0, None]}, "Row 1 has the label None"),
        ({"text": ["a", "b"], "label": [[0], [1]]}, r"Row 0 has the label \[0\]"),
        ({"text": ["a", "b"], "label": [0.5, 1.0]}, "Row 0 has the label 0.5"),
    ],
)
def test_data_that_cannot_be_sampled_is_refused(columns, message):
    with pytest.raises(DataError, match=message):
        IntentBatchSampler(Dataset.from_dict(columns), 8)


@pytest.mark.parametrize(
    ("batch_sampler", "jitter"), [(IntentBatchSampler, 0.1), (partial(IntentBatchSampler, length_jitter=0.0), 0.0)]
)
def test_the_trainer_takes_it_and_advances_its_epochs(tmp_path, batch_sampler, jitter):
    model = tiny_base(tmp_path)
    data = Dataset.from_dict(
        {"text": [f"{word} {n}" for word in ("go", "stop") for n in range(6)], "label": [0] * 6 + [1] * 6}
    )
    args = SentenceTransformerTrainingArguments(
        str(tmp_path / "out"),
        batch_sampler=batch_sampler,
        per_device_train_batch_size=6,
        num_train_epochs=3,
        seed=7,
        report_to=[],
        save_strategy="no",
        use_cpu=True,
        disable_tqdm=True,
    )
    trainer = SentenceTransformerTrainer(model=model, args=args, train_dataset=data, loss=CircleLoss(model))
    trainer.train()
    sampler = trainer._train_dataloader.batch_sampler
    assert isinstance(sampler, IntentBatchSampler)
    assert (sampler.seed, sampler.epoch, sampler.length_jitter) == (7, 2, jitter)
    assert trainer.state.global_step == 3 * len(sampler) == 6


def test_evaluation_weighs_every_batch_alike(tmp_path):
    """Accelerate counts only rows % batch_size of the last batch, unless it is told that batch sizes vary."""
    model = tiny_base(tmp_path)
    data = Dataset.from_dict(
        {"text": ["go", "go on", "no", "nope", "stop it", "stop", "stop now"], "label": [0, 0, 1, 1, 2, 2, 2]}
    )
    args = SentenceTransformerTrainingArguments(
        str(tmp_path / "out"),
        batch_sampler=IntentBatchSampler,
        per_device_eval_batch_size=6,
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
    )
    trainer = SentenceTransformerTrainer(model=model, args=args, eval_dataset=data, loss=CircleLoss(model))
    sampler = IntentBatchSampler(data, 6, seed=args.seed)
    losses: list[float] = []
    for batch in sampler:
        rows = data.select(batch)
        loss = CircleLoss(model.eval())([model.preprocess(rows["text"][:])], rows.with_format("torch")["label"][:])
        losses.append(loss.item())
    assert trainer.evaluate()["eval_loss"] == pytest.approx(np.mean(losses), rel=1e-4)
