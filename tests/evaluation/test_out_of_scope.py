from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_fscore_support, roc_auc_score

from intent_adapters.errors import ConfigError, DataError
from intent_adapters.evaluation import auroc, average_precision, fpr_at_tpr, score_out_of_scope, score_rejection

# Few distinct values, so that many rows tie.
SCORES = st.lists(st.integers(0, 6).map(lambda sixth: sixth / 6), min_size=1, max_size=30)


def slow_auroc(inside: list[float], outside: list[float]) -> float:
    wins = sum((a > b) + 0.5 * (a == b) for a in inside for b in outside)
    return wins / (len(inside) * len(outside))


def slow_fpr(inside: list[float], outside: list[float], tpr: float) -> float:
    """Lowers the threshold from score to score until enough in-scope rows are accepted."""
    for threshold in sorted({*inside, *outside}, reverse=True):
        if sum(score >= threshold for score in inside) >= tpr * len(inside) - 1e-9:
            return sum(score >= threshold for score in outside) / len(outside)
    raise AssertionError("the lowest threshold accepts everything")


def slow_average_precision(found: list[float], others: list[float]) -> float:
    """Precision at each threshold, weighted by the recall that it adds; high scores are found."""
    area, recall = 0.0, 0.0
    for threshold in sorted({*found, *others}, reverse=True):
        hits = sum(score >= threshold for score in found)
        precision = hits / (hits + sum(score >= threshold for score in others))
        area += (hits / len(found) - recall) * precision
        recall = hits / len(found)
    return area


@given(SCORES, SCORES)
def test_auroc_is_the_chance_that_an_in_scope_row_scores_higher(inside: list[float], outside: list[float]):
    found = auroc(inside, outside)
    assert found == pytest.approx(slow_auroc(inside, outside))
    assert found == pytest.approx(roc_auc_score([1] * len(inside) + [0] * len(outside), inside + outside))
    assert auroc(outside, inside) == pytest.approx(1 - found)


@given(SCORES, SCORES, st.sampled_from([0.5, 0.8, 0.9, 0.95, 1.0]))
def test_fpr_is_that_of_the_highest_threshold_that_accepts_enough(
    inside: list[float], outside: list[float], tpr: float
):
    assert fpr_at_tpr(inside, outside, tpr) == pytest.approx(slow_fpr(inside, outside, tpr))


@given(SCORES, SCORES)
def test_average_precision_of_either_kind(inside: list[float], outside: list[float]):
    found_in, found_out = average_precision(inside, outside)
    assert found_in == pytest.approx(slow_average_precision(inside, outside))
    assert found_out == pytest.approx(slow_average_precision([-s for s in outside], [-s for s in inside]))


def test_nineteen_of_twenty_are_95_percent_and_ties_are_accepted():
    inside = [0.1, *[0.5] * 10, *[0.9] * 9]
    assert fpr_at_tpr(inside, [0.4, 0.5, 0.6, 0.2]) == 0.5  # threshold 0.5, where one of the four ties
    assert fpr_at_tpr(inside, [0.05, 0.1, 0.2, 0.3], tpr=1) == 0.75


def test_perfect_and_useless_scores():
    assert (auroc([2, 3], [0, 1]), fpr_at_tpr([2, 3], [0, 1])) == (1, 0)
    assert (auroc([1, 1], [1, 1]), fpr_at_tpr([1, 1], [1, 1])) == (0.5, 1)
    assert average_precision([2, 3], [0, 1]) == (1, 1)


FLAGS = st.lists(st.booleans(), min_size=1, max_size=20)


@given(FLAGS, FLAGS)
def test_precision_and_recall_are_those_of_rejection(kept: list[bool], slipped: list[bool]):
    scores = score_out_of_scope(np.zeros(len(kept)), np.zeros(len(slipped)), kept, slipped)
    truth = [0] * len(kept) + [1] * len(slipped)
    rejected = [int(not accepted) for accepted in kept + slipped]
    expected = precision_recall_fscore_support(truth, rejected, average="binary", zero_division=0)
    assert (scores.precision, scores.recall, scores.f1) == pytest.approx(expected[:3])
    assert scores.rows == len(slipped)
    assert json.loads(json.dumps(scores.to_dict()))["auroc"] == 0.5


def test_what_a_threshold_does_to_in_scope_rows():
    scores = score_rejection([True, True, True, False, False], [True, True, False, True, False])
    assert scores.false_rejection_rate == pytest.approx(0.4)
    assert scores.in_scope_accuracy == pytest.approx(0.4)
    assert scores.accepted_accuracy == pytest.approx(2 / 3)


def test_an_agent_that_rejects_everything_has_no_accuracy_of_the_accepted():
    scores = score_rejection([False, False], [True, True])
    assert scores.to_dict() == {"false_rejection_rate": 1.0, "in_scope_accuracy": 0.0, "accepted_accuracy": None}


@pytest.mark.parametrize(
    ("inside", "outside", "message"),
    [
        ([], [1.0], "in_scope has the shape"),
        ([1.0], [], "out_of_scope has the shape"),
        ([1.0], [float("inf")], r"out_of_scope\[0\] is inf"),
    ],
)
def test_scores_that_cannot_be_compared(inside, outside, message):
    for metric in (auroc, fpr_at_tpr, average_precision):
        with pytest.raises(DataError, match=message):
            metric(inside, outside)


def test_settings_and_flags_that_make_no_sense():
    with pytest.raises(ConfigError, match="tpr is a number in"):
        fpr_at_tpr([1.0], [0.0], tpr=0)
    with pytest.raises(DataError, match="in_scope_accepted has the shape"):
        score_out_of_scope([1.0], [0.0], [], [True])
    with pytest.raises(DataError, match="accepted has the shape"):
        score_rejection([True], [True, False])
