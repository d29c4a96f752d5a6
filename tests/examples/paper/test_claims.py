"""The paired test against a plain enumeration of all signs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples.paper.claims import compare_pairs


def slow_p(first, second):
    """Share of all assignments of signs whose mean is at least as far from 0."""
    differences = np.asarray(first) - np.asarray(second)
    seen = abs(differences.mean())
    means = [abs((np.array(signs) * differences).mean()) for signs in itertools.product((1, -1), repeat=len(first))]
    return np.mean([mean >= seen - 1e-12 for mean in means])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 1000)), min_size=2, max_size=8))
def test_p_is_that_of_the_enumeration(pairs):
    first, second = ([value / 1000 for value in column] for column in zip(*pairs, strict=True))
    found = compare_pairs(first, second)
    assert found.p == pytest.approx(slow_p(first, second), abs=1e-9)
    assert found.points == pytest.approx(100 * (np.mean(first) - np.mean(second)))
    assert compare_pairs(second, first).p == pytest.approx(found.p)


def test_ten_repetitions_all_one_way_are_better():
    found = compare_pairs([0.9] * 10, [0.8 + 0.001 * i for i in range(10)])
    assert found.p == pytest.approx(2 / 1024)
    assert found.verdict == "better"
    assert compare_pairs([0.8] * 10, [0.9] * 10).verdict == "worse"


def test_the_same_figures_and_single_runs_show_nothing():
    assert compare_pairs([0.8, 0.9] * 3, [0.8, 0.9] * 3).verdict == "no difference shown"
    assert compare_pairs([0.8], [0.9]).p == 1.0


def test_fewer_than_six_repetitions_are_too_few_to_tell():
    for count in range(1, 8):
        found = compare_pairs([0.9] * count, [0.8] * count)
        assert found.p == pytest.approx(found.least_p)
        assert found.verdict == ("better" if count >= 6 else "too few to tell")
