"""Tags and their best sequences, against enumeration of all sequences in float64."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from intent_adapters.entities.tags import best_tags, forbidden, spans
from intent_adapters.training.agent.tagger import crf_loss


def allowed(tags):
    """Whether each I has a B or I of its entity before it."""
    return all(
        tag == 0 or tag % 2 == 1 or (place > 0 and tags[place - 1] in (tag, tag - 1)) for place, tag in enumerate(tags)
    )


def sums(scores, transitions):
    """The sum of every sequence that is allowed, added up one by one."""
    words, tags = scores.shape
    found = {}
    for sequence in product(range(tags), repeat=words):
        if allowed(sequence):
            total = sum(float(scores[word, tag]) for word, tag in enumerate(sequence))
            found[sequence] = total + sum(float(transitions[one, other]) for one, other in pairwise(sequence))
    return found


@st.composite
def problems(draw):
    words, entities, seed = draw(st.integers(1, 4)), draw(st.integers(1, 2)), draw(st.integers(0, 9999))
    scale = draw(st.sampled_from([0.1, 3.0, 20.0]))
    numbers = np.random.default_rng(seed)
    tags = 1 + 2 * entities
    return tuple(
        (scale * numbers.standard_normal(shape)).astype(np.float32) for shape in ((words, tags), (tags, tags))
    )


def best_of(utterances, transitions):
    """The tags of each utterance, and their shares."""
    first, behind = forbidden(len(transitions))
    tags, shares = best_tags(np.concatenate(utterances), list(map(len, utterances)), first, behind + transitions)
    cuts = np.cumsum(list(map(len, utterances)))[:-1]
    return list(zip(np.split(tags, cuts), np.split(shares, cuts), strict=True))


@settings(max_examples=40, deadline=None)
@given(st.lists(problems(), min_size=1, max_size=3))
def test_the_best_sequence_has_the_highest_sum_and_is_allowed(given_problems):
    transitions = given_problems[0][1]
    own = [scores for scores, _ in given_problems if scores.shape[1] == len(transitions)]
    for scores, (tags, shares) in zip(own, best_of(own, transitions), strict=True):
        every = sums(scores, transitions)
        assert allowed(tags)
        assert every[tuple(tags)] >= max(every.values()) - 1e-3 * max(1, abs(max(every.values())))
        for word, (tag, share) in enumerate(zip(tags, shares, strict=True)):
            worth = [
                max((every[own] for own in every if own[word] == other), default=-np.inf)
                for other in range(scores.shape[1])
            ]
            np.testing.assert_allclose(share, 1 / np.exp(np.array(worth) - worth[tag]).sum(), atol=2e-4)


@settings(max_examples=40, deadline=None)
@given(problems())
def test_the_loss_is_that_of_all_sequences(problem):
    scores, transitions = problem
    first, behind = forbidden(len(transitions))
    every = sums(scores, transitions)
    highest = max(every.values())
    right = max(every, key=every.get)
    loss = crf_loss(
        [torch.from_numpy(scores)],
        [torch.tensor(right)],
        torch.from_numpy(first),
        torch.from_numpy(behind + transitions),
    )
    whole = sum(np.exp(total - highest) for total in every.values())
    np.testing.assert_allclose(loss.item(), highest + np.log(whole) - every[right], atol=2e-3)


def test_long_utterances_with_sure_scores():
    scores = np.full((300, 5), -200, np.float32)
    scores[np.arange(300), [0, 1, 2, 3, 4] * 60] = 200
    for length, (tags, shares) in zip(
        (300, 7), best_of([scores, scores[:7]], np.zeros((5, 5), np.float32)), strict=True
    ):
        assert tags.tolist() == ([0, 1, 2, 3, 4] * 60)[:length]
        np.testing.assert_allclose(shares, 1)


def test_spans_of_tags():
    assert list(spans([0, 1, 2, 0, 3, 3, 4, 1])) == [(1, 2, 0), (4, 4, 1), (5, 6, 1), (7, 7, 0)]
    assert list(spans([])) == []
