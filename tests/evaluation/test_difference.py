from __future__ import annotations

import json
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intent_adapters import IntentModel
from intent_adapters.errors import DataError
from intent_adapters.evaluation import diff_agents, evaluate
from intent_adapters.evaluation.answers import Answers
from intent_adapters.evaluation.difference import score_difference
from intent_adapters.evaluation.sampling import share_interval
from tests.support.adapters import random_adapter
from tests.support.tiny import tiny_base

INTENTS = ("book", "cancel", "none")


def answers(*said: str, intents: tuple[str, ...] = INTENTS, probability: float = 0.8) -> Answers:
    """One answer a row: an intent, with a minus before it where it was rejected."""
    predicted = np.array([intents.index(label.removeprefix("-")) for label in said])
    table = np.zeros((len(said), len(intents)), dtype=np.float32)
    table[np.arange(len(said)), predicted] = probability
    accepted = np.array([not label.startswith("-") for label in said])
    texts = tuple(f"text {row}" for row in range(len(said)))
    return Answers(texts, intents, table, predicted, np.full(len(said), 0.5), accepted)


def kinds(difference) -> dict[int, str]:
    return {change.row: change.kind for change in difference.changes}


def test_every_change_of_an_answer_is_named():
    old = answers("book", "cancel", "cancel", "book", "-book", "-book", "cancel")
    new = answers("book", "book", "book", "cancel", "book", "-cancel", "-cancel")
    found = score_difference(["book", "book", "cancel", "none", "book", "book", "cancel"], old, new)
    assert kinds(found) == {1: "better", 2: "worse", 3: "still wrong", 4: "better", 6: "worse"}
    assert [change.kind for change in found.changes] == ["worse", "worse", "better", "better", "still wrong"]
    (rejected,) = [change for change in found.changes if change.row == 6]
    assert (rejected.text, rejected.meant, rejected.old, rejected.new) == ("text 6", "cancel", "cancel", "cancel")
    assert (rejected.old_accepted, rejected.new_accepted) == (True, False)
    scores = found.labelled
    assert (scores.rows, scores.better, scores.worse) == (7, 2, 2)
    assert (scores.old_accuracy, scores.new_accuracy) == (3 / 7, 3 / 7)
    assert (scores.p_value, scores.verdict, found.verdict, found.loses) == (1.0, "no different", "no different", False)
    assert (found.common, found.out_of_scope, found.added, found.removed) == (None, None, (), ())
    json.dumps(found.to_dict(), allow_nan=False)


def test_of_a_catch_all_intent_rejecting_is_right():
    old, new = answers("-none", "book", "-cancel"), answers("-book", "-none", "none")
    found = score_difference(["none"] * 3, old, new, (["none"], ["none"]))
    assert kinds(found) == {1: "better", 2: "worse"}


def test_out_of_scope_rows_are_compared_on_their_own():
    old, new = answers("book", "-book", "cancel"), answers("book", "book", "-cancel")
    found = score_difference(["book", None, None], old, new)
    assert (found.labelled.rows, found.labelled.old_accuracy, found.labelled.new_accuracy) == (1, 1.0, 1.0)
    assert (found.out_of_scope.rows, found.out_of_scope.better, found.out_of_scope.worse) == (2, 1, 1)
    assert kinds(found) == {0: "worse", 1: "better"}
    assert {change.meant for change in found.changes} == {None}


def test_a_grown_agent_is_also_compared_on_what_both_know():
    more = (*INTENTS, "parking")
    old = answers(*["book"] * 10, *["cancel"] * 10)
    new = answers(*["cancel"] * 10, *["parking"] * 10, intents=more)
    found = score_difference(["book"] * 10 + ["parking"] * 10, old, new)
    assert (found.added, found.removed) == (("parking",), ())
    assert (found.labelled.better, found.labelled.worse, found.labelled.verdict) == (10, 10, "no different")
    assert (found.common.rows, found.common.worse, found.common.verdict) == (10, 10, "worse")
    assert (found.verdict, found.loses) == ("worse", True)
    back = score_difference(["book"] * 10 + ["parking"] * 10, new, old)
    assert (back.added, back.removed) == ((), ("parking",))
    assert (back.common.verdict, back.verdict) == ("better", "no different")


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 5))
def test_the_test_is_that_of_mcnemar_and_a_swap_turns_the_verdict_round(better, worse, same):
    labels = ["book"] * (better + worse + same + 1)
    old = answers(*["cancel"] * better, *["book"] * (worse + same + 1))
    new = answers(*["book"] * better, *["cancel"] * worse, *["book"] * (same + 1))
    scores = score_difference(labels, old, new).labelled
    assert (scores.better, scores.worse) == (better, worse)
    # Every way for each of these rows to fall is as likely, and those as uneven or more are counted.
    count, few = better + worse, min(better, worse)
    expected = min(2 * sum(comb(count, k) for k in range(few + 1)) / 2**count, 1.0)
    assert scores.p_value == pytest.approx(expected)
    wanted = "no different" if expected >= 0.05 else "better" if better > worse else "worse"
    assert scores.verdict == wanted
    opposite = {"better": "worse", "worse": "better", "no different": "no different"}
    assert score_difference(labels, new, old).verdict == opposite[wanted]
    assert scores.old_interval == share_interval(scores.old_accuracy, len(labels))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    base = tiny_base(tmp_path_factory.mktemp("base"))
    model = IntentModel(base)
    for seed, name in enumerate(("old", "new")):
        model.add_agent(name, random_adapter(base, labels=4, seed=seed, threshold=0.3))
    return model


ROWS = [{"text": f"예약 {number} 취소 {number % 7}", "label": f"intent {number % 4}"} for number in range(40)]


def test_both_agents_answer_as_ever(model):
    found = diff_agents(model, ROWS, "old", "new", threshold=0)
    for agent, accuracy in (("old", found.labelled.old_accuracy), ("new", found.labelled.new_accuracy)):
        assert accuracy == evaluate(model, ROWS, agent, threshold=0).accuracy
    told = {
        agent: [answer.label for answer in model.predict([row["text"] for row in ROWS], agent, threshold=0)]
        for agent in ("old", "new")
    }
    changed = {row for row in range(40) if told["old"][row] != told["new"][row]}
    assert {change.row for change in found.changes} == changed
    assert {(change.old, change.new) for change in found.changes} == {
        (told["old"][row], told["new"][row]) for row in changed
    }
    rejected = diff_agents(model, ROWS, "old", "new")
    for agent, accuracy in (("old", rejected.labelled.old_accuracy), ("new", rejected.labelled.new_accuracy)):
        assert accuracy == evaluate(model, ROWS, agent).rejection.in_scope_accuracy


def test_an_agent_does_not_differ_from_itself(model):
    found = diff_agents(model, ROWS, "old", "old", new_model=model, out_of_scope=["where is the moon"])
    assert (found.changes, found.verdict, found.loses) == ((), "no different", False)
    assert found.out_of_scope.rows == 1


def test_labels_that_neither_knows_are_refused(model):
    with pytest.raises(DataError, match="'parking' of the rows is no intent of either agent"):
        diff_agents(model, [*ROWS, {"text": "where to park", "label": "parking"}], "old", "new")
