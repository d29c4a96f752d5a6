from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intent_adapters.errors import DataError
from intent_adapters.evaluation import Confusion, score_labels


def test_scores_of_a_case_counted_by_hand():
    scores = score_labels(list("aaaabbbc"), list("aabbbbac"))
    assert scores.rows == 8
    assert scores.accuracy == 5 / 8
    figures = {i.label: (i.precision, i.recall, i.f1, i.support) for i in scores.intents}
    # a: 2 of 3 predictions right, 2 of 4 rows found; b: 2 of 4, 2 of 3; c: all.
    assert figures == {
        "a": pytest.approx((2 / 3, 2 / 4, 4 / 7, 4)),
        "b": pytest.approx((2 / 4, 2 / 3, 4 / 7, 3)),
        "c": (1, 1, 1, 1),
    }
    assert scores.macro_f1 == pytest.approx((4 / 7 + 4 / 7 + 1) / 3)
    assert scores.confusions == (Confusion("a", "b", 2), Confusion("b", "a", 1))
    assert [intent.label for intent in scores.intents] == ["a", "b", "c"]


def test_an_intent_that_is_predicted_but_has_no_rows_lowers_the_macro_f1():
    scores = score_labels(["a", "a"], ["a", "x"])
    assert scores.macro_f1 == pytest.approx((2 / 3 + 0) / 2)
    assert (scores.intents[0].label, scores.intents[0].support) == ("x", 0)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abcd")), min_size=1, max_size=40))
def test_wrong_rows_are_the_confusions_and_json_holds_everything(pairs: list[tuple[str, str]]):
    scores = score_labels([true for true, _ in pairs], [guess for _, guess in pairs])
    wrong = sum(pair.count for pair in scores.confusions)
    assert scores.accuracy == pytest.approx(1 - wrong / len(pairs))
    assert sum(intent.support for intent in scores.intents) == scores.rows == len(pairs)
    assert json.loads(json.dumps(scores.to_dict()))["rows"] == len(pairs)


@pytest.mark.parametrize(("labels", "predictions"), [([], []), (["a"], []), (["a"], ["a", "b"])])
def test_nothing_to_compare(labels: list[str], predictions: list[str]):
    with pytest.raises(DataError, match="give one prediction for each label"):
        score_labels(labels, predictions)
