"""What is held out, and what is said to it."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from intent_adapters.training.agent.held_out import Unseen, held_out_parts, is_better, spread_parts
from tests.support.tasks import make_task


@given(st.lists(st.integers(1, 9), min_size=2, max_size=8), st.integers(0, 5), st.booleans())
@settings(max_examples=60, deadline=None)
def test_parts_spread_every_intent_and_never_take_all_of_it(counts, seed, named):
    task = make_task(counts, names=len(counts) if named else 0)
    folds = held_out_parts(task, seed)
    held_out = torch.cat(folds).tolist() if folds else []
    assert len(set(held_out)) == len(held_out)
    assert all(number < task.utterances for number in held_out)
    assert len(held_out) == sum(count for count in counts if count > 1)
    for fold in folds:
        assert len(fold)
        taken = Counter(task.labels[fold].tolist())
        assert all(
            taken[intent] in (count // 2, count - count // 2) for intent, count in enumerate(counts) if count > 1
        )


@pytest.mark.parametrize(
    ("utterances", "sizes"), [(198, [99, 99]), (200, [100]), (800, [400]), (998 * 2, [499]), (5000, [417])]
)
def test_with_many_utterances_one_part_of_400_or_so_is_held_out(utterances, sizes):
    parts = held_out_parts(make_task([2] * (utterances // 2)), seed=0)
    assert [len(part) for part in parts] == sizes


@given(st.lists(st.integers(1, 25), min_size=2, max_size=8), st.integers(2, 12), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_no_part_takes_the_last_utterance_of_an_intent(counts, number, seed):
    task = make_task(counts, names=len(counts))
    for part in spread_parts(task, number, seed):
        left = Counter(task.labels[: task.utterances].tolist()) - Counter(task.labels[part].tolist())
        assert set(left) == set(range(len(counts)))


def unseen(right):
    """Answers of which these are right."""
    labels = torch.zeros(len(right), dtype=torch.long)
    return Unseen(
        "validation",
        ["text"] * len(right),
        torch.tensor([[1.0, 0.0] if good else [0.0, 1.0] for good in right]),
        labels,
    )


@pytest.mark.parametrize(
    ("won", "lost", "better"), [(0, 0, False), (1, 0, False), (2, 0, True), (5, 3, False), (30, 20, True)]
)
def test_one_agent_is_better_than_another_only_beyond_chance(won, lost, better):
    both = [True] * 40 + [False] * 10
    one = unseen(both + [True] * won + [False] * lost)
    other = unseen(both + [False] * won + [True] * lost)
    assert is_better(one, other) is better
    assert not is_better(other, one)


def test_the_answers_are_in_words_and_calibrated():
    task = make_task([3, 3])
    logits = torch.tensor([[4.0, 0.0], [0.0, 4.0], [4.0, 0.0], [0.0, 4.0]])
    found = Unseen("cross-validation", ["a", "b", "c", "d"], logits, torch.tensor([0, 1, 1, 1])).answers(task)
    assert (found.source, found.texts) == ("cross-validation", ["a", "b", "c", "d"])
    assert found.labels == ["intent 0", "intent 1", "intent 1", "intent 1"]
    assert found.probabilities.sum(axis=1) == pytest.approx(1)
    assert found.probabilities.argmax(axis=1).tolist() == [0, 1, 0, 1]
    # One of four is wrong: the probability of what was said is nearer to that than the logits claim.
    assert 0.6 < found.probabilities.max() < 0.9
