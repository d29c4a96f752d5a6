from __future__ import annotations

import itertools
import json
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intent_adapters.errors import DataError
from intent_adapters.evaluation import risk_coverage

ROWS = st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=6)


def slow_curve(rows: list[tuple[int, bool]]) -> list[float]:
    """Mean risk over all orders of the rows that fall with the score."""
    curves = []
    for order in itertools.permutations(rows):
        if all(first[0] >= second[0] for first, second in itertools.pairwise(order)):
            wrong = [not right for _, right in order]
            curves.append([sum(wrong[:answered]) / answered for answered in range(1, len(wrong) + 1)])
    return [fmean(risks) for risks in zip(*curves, strict=True)]


@given(ROWS)
def test_the_curve_is_the_expectation_over_the_orders_of_ties(rows: list[tuple[int, bool]]):
    scores, correct = zip(*rows, strict=True)
    curve = risk_coverage(scores, correct)
    assert curve.risk == pytest.approx(slow_curve(rows))
    assert curve.coverage == pytest.approx([n / len(rows) for n in range(1, len(rows) + 1)])
    assert curve.area == pytest.approx(fmean(slow_curve(rows)))
    assert curve.risk[-1] == pytest.approx(correct.count(False) / len(rows))


def test_all_right_and_all_wrong():
    assert risk_coverage([1, 2, 3], [True] * 3).area == 0
    assert risk_coverage([1, 2, 3], [False] * 3).area == 1


def test_a_score_that_knows_gives_a_smaller_area_than_one_that_does_not():
    correct = np.random.default_rng(0).random(20_000) < 0.8
    knows = risk_coverage(correct + np.random.default_rng(1).random(20_000), correct)
    guesses = risk_coverage(np.random.default_rng(2).random(20_000), correct)
    assert knows.area < 0.05 < guesses.area
    assert guesses.area == pytest.approx(0.2, abs=0.05)


def test_the_risk_at_a_coverage():
    curve = risk_coverage([4, 3, 2, 1], [True, False, True, False])
    assert [curve.risk_at(share) for share in (0.1, 0.25, 0.5, 0.6, 0.75, 1.0)] == pytest.approx(
        [0, 0, 1 / 2, 1 / 3, 1 / 3, 1 / 2]
    )


@pytest.mark.parametrize("rows", [1, 7, 100, 2345])
def test_json_has_a_hundred_points_at_most_and_the_last_is_full_coverage(rows: int):
    curve = risk_coverage(np.arange(rows), np.arange(rows) % 3 > 0)
    shown = json.loads(json.dumps(curve.to_dict()))
    assert len(shown["coverage"]) == len(shown["risk"]) == min(rows, 100)
    assert shown["coverage"][-1] == 1
    assert shown["risk"][-1] == curve.risk[-1]
    assert shown["area"] == curve.area


def test_nothing_to_answer():
    with pytest.raises(DataError, match="at least one row"):
        risk_coverage([], [])
