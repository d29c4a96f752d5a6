from __future__ import annotations

import json
import math
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intent_adapters.errors import ConfigError, DataError
from intent_adapters.evaluation import (
    calibration_error_by_chance,
    expected_calibration_error,
    reliability_bins,
    score_calibration,
)

# Few distinct values, so that many rows tie.
COARSE = st.integers(0, 8).map(lambda eighth: eighth / 8)
ROWS = st.lists(st.tuples(COARSE, st.booleans()), min_size=1, max_size=60)


def slow_error(rows: list[tuple[float, bool]], bins: int) -> float:
    """The definition, in loops; rows of equal confidence share their mean accuracy."""
    ordered = sorted(confidence for confidence, _ in rows)
    accuracy = {level: fmean(right for other, right in rows if other == level) for level in set(ordered)}
    bins = min(bins, len(rows))
    error, start = 0.0, 0
    for index in range(bins):
        size = len(rows) // bins + (index < len(rows) % bins)
        part = ordered[start : start + size]
        start += size
        error += size / len(rows) * abs(fmean(accuracy[level] for level in part) - fmean(part))
    return error


@given(ROWS, st.integers(1, 20))
def test_the_error_is_that_of_the_definition_whatever_the_order_of_the_rows(rows: list[tuple[float, bool]], bins: int):
    confidence, correct = zip(*rows, strict=True)
    error = expected_calibration_error(confidence, correct, bins)
    assert error == pytest.approx(slow_error(rows, bins), abs=1e-12)
    assert 0 <= error <= 1
    assert expected_calibration_error(confidence[::-1], correct[::-1], bins) == pytest.approx(error, abs=1e-12)


@given(ROWS, st.integers(1, 20))
def test_bins_hold_all_rows_evenly_from_the_least_confident(rows: list[tuple[float, bool]], bins: int):
    confidence, correct = zip(*rows, strict=True)
    parts = reliability_bins(confidence, correct, bins)
    sizes = [part.rows for part in parts]
    assert sum(sizes) == len(rows)
    assert max(sizes) - min(sizes) <= 1
    assert [part.confidence for part in parts] == sorted(part.confidence for part in parts)
    # No right answer is lost between the bins.
    assert sum(part.rows * part.accuracy for part in parts) == pytest.approx(sum(correct))


def test_a_case_computed_by_hand():
    parts = reliability_bins([0.9, 0.5, 0.7, 0.6], [True, False, True, True], bins=2)
    assert [(part.rows, part.confidence, part.accuracy) for part in parts] == [
        (2, pytest.approx(0.55), 0.5),
        (2, pytest.approx(0.8), 1.0),
    ]
    error = expected_calibration_error([0.9, 0.5, 0.7, 0.6], [True, False, True, True], bins=2)
    assert error == pytest.approx((0.05 + 0.2) / 2)


def test_the_extremes():
    assert expected_calibration_error([1.0] * 40, [True] * 40) == 0
    assert expected_calibration_error([1.0] * 40, [False] * 40) == 1
    assert expected_calibration_error([0.75] * 40, [True, True, True, False] * 10, bins=15) == pytest.approx(0)


def test_an_agent_that_draws_its_answers_from_its_probabilities_is_calibrated():
    random = np.random.default_rng(0)
    confidence = random.uniform(0.2, 1, size=20_000)
    assert expected_calibration_error(confidence, random.random(20_000) < confidence) < 0.02
    assert expected_calibration_error(confidence, random.random(20_000) < confidence - 0.15) == pytest.approx(
        0.15, abs=0.02
    )


def test_proper_scores_against_loops():
    random = np.random.default_rng(1)
    table = random.dirichlet(np.ones(5), size=30).astype(np.float32)
    true = random.integers(0, 5, size=30)
    scores = score_calibration(table, true)
    rows = [(row.astype(np.float64).tolist(), label) for row, label in zip(table, true.tolist(), strict=True)]
    assert scores.log_loss == pytest.approx(fmean(-math.log(row[label]) for row, label in rows))
    assert scores.brier == pytest.approx(
        fmean(sum((value - (column == label)) ** 2 for column, value in enumerate(row)) for row, label in rows)
    )
    assert scores.confidence == pytest.approx(fmean(max(row) for row, _ in rows))
    assert scores.accuracy == pytest.approx(fmean(row.index(max(row)) == label for row, label in rows))
    assert scores.expected_calibration_error == pytest.approx(
        expected_calibration_error(
            [max(row) for row, _ in rows], [row.index(max(row)) == label for row, label in rows]
        )
    )
    assert len(json.loads(json.dumps(scores.to_dict()))["bins"]) == len(scores.bins)


def test_a_probability_of_nothing_for_the_truth_is_finite():
    scores = score_calibration([[1.0, 0.0], [1.0, 0.0]], [1, 0])
    assert 40 < scores.log_loss < 100
    assert scores.brier == pytest.approx(1)


@pytest.mark.parametrize(
    ("confidence", "correct", "message"),
    [
        ([], [], "at least one row"),
        ([0.5], [True, False], "for each of the 1 rows"),
        ([0.5, float("nan")], [True, True], r"confidence\[1\] is nan"),
        ([[0.5]], [True], r"shape \(1, 1\)"),
    ],
)
def test_arrays_that_do_not_fit(confidence, correct, message):
    with pytest.raises(DataError, match=message):
        reliability_bins(confidence, correct)


@pytest.mark.parametrize(
    ("table", "labels", "message"),
    [
        ([[0.5, 0.5]], [2], "not one of the"),
        ([[0.5, 0.5]], [0.0], "not one of the"),
        ([[0.5, 0.5]], [0, 1], "do not fit together"),
        (np.empty((0, 2)), np.empty(0, dtype=int), "at least one row"),
    ],
)
def test_probabilities_that_do_not_fit(table, labels, message):
    with pytest.raises(DataError, match=message):
        score_calibration(table, labels)


def test_no_bins():
    with pytest.raises(ConfigError, match="at least 1, not 0"):
        reliability_bins([0.5], [True], bins=0)


def test_the_error_by_chance_is_that_of_calibrated_agents():
    random = np.random.default_rng(3)
    confidence = random.uniform(0.5, 1, 250)
    limit = calibration_error_by_chance(confidence)
    errors = [expected_calibration_error(confidence, random.random(250) < confidence) for _ in range(200)]
    assert np.mean(np.array(errors) < limit) == pytest.approx(0.95, abs=0.05)
    assert calibration_error_by_chance(np.tile(confidence, 20)) < limit / 3
    assert calibration_error_by_chance([1.0] * 30) == 0


def test_bins_follow_the_rows_unless_they_are_chosen():
    confidence = np.linspace(0.5, 1, 400)
    for rows, bins in ((5, 1), (39, 1), (40, 2), (250, 12), (300, 15), (400, 15)):
        assert len(reliability_bins(confidence[:rows], [True] * rows)) == bins
