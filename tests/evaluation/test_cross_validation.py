from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from intent_adapters import IntentModel, train_agent
from intent_adapters.errors import ConfigError, DataError
from intent_adapters.evaluation import cross_validate, score_held_out
from intent_adapters.training import HeldOut
from tests.support.tiny import tiny_base

ROWS = [
    {"text": f"{verb} {thing}", "label": f"{label} it"}
    for label, verb in (("book", "i want to book"), ("cancel", "please cancel"), ("price", "what does it cost for"))
    for thing in ("a visit", "my card", "the room", "예약", "two tickets")
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> IntentModel:
    return IntentModel(tiny_base(Path(tmp_path_factory.mktemp("base"))))


def test_every_row_is_asked_of_an_agent_that_has_not_seen_it(model: IntentModel):
    folds: list[tuple[int, float]] = []
    rows = [*ROWS, {"text": "where are you", "label": "only one"}]
    found = cross_validate(model, rows, folds=3, method="probe", on_fold=lambda *said: folds.append(said))
    scores = found.evaluation
    assert Counter(scores.answers.texts) == Counter(row["text"] for row in ROWS)
    assert (scores.rows, found.never_held_out) == (15, 1)
    assert [number for number, _ in folds] == [1, 2, 3]
    assert tuple(accuracy for _, accuracy in folds) == found.accuracies
    assert np.mean(found.accuracies) == pytest.approx(scores.accuracy)  # the folds are of one size
    assert model.agents == ()
    low, high = scores.interval
    assert 0 <= low < scores.accuracy <= high <= 1
    for mistake in scores.mistakes:
        assert rows[mistake.row] == {"text": mistake.text, "label": mistake.meant}


def test_out_of_scope_texts_are_each_answered_once(model: IntentModel):
    chatter = [f"the weather on day {day}" for day in range(7)]
    scores = cross_validate(model, ROWS, folds=3, out_of_scope=chatter, method="probe").evaluation
    assert scores.out_of_scope is not None
    assert scores.out_of_scope.rows == 7
    accepted = [mistake for mistake in scores.mistakes if mistake.kind == "wrongly accepted"]
    assert all(chatter[mistake.row] == mistake.text for mistake in accepted)
    assert len(accepted) == round(7 * (1 - scores.out_of_scope.recall))


def test_the_same_seed_deals_the_same(model: IntentModel):
    one, same, other = (
        cross_validate(model, ROWS, folds=2, seed=seed, method="probe", calibrate=False).evaluation
        for seed in (0, 0, 1)
    )
    assert one.answers.texts == same.answers.texts
    assert one.to_dict() == same.to_dict()
    assert one.answers.texts != other.answers.texts


def test_what_cannot_be_held_out_is_said(model: IntentModel):
    with pytest.raises(DataError, match="no intent has two utterances"):
        cross_validate(model, [{"text": text, "label": text} for text in "abc"])
    with pytest.raises(ConfigError, match="folds is a whole number of at least 2, not 1"):
        cross_validate(model, ROWS, folds=1)


def test_a_training_shows_what_it_held_out(model: IntentModel):
    result = train_agent(model, "shop", ROWS, method="probe", progress=False)
    assert result.held_out is not None
    scores = score_held_out(result.held_out)
    assert result.calibration is not None
    assert scores.accuracy == pytest.approx(result.calibration.accuracy)
    assert (scores.source, scores.rows) == ("cross-validation", 15)
    assert train_agent(model, "other", ROWS, method="probe", progress=False, calibrate=False).held_out is None


def test_wrong_answers_of_a_training_come_surest_first():
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]], dtype=np.float32)
    held_out = HeldOut("validation", ["a", "b", "c"], ["1", "2", "1"], ["1", "2"], probabilities)
    scores = score_held_out(held_out)
    assert scores.accuracy == pytest.approx(1 / 3)
    assert [(one.text, one.meant, one.said, one.row) for one in scores.mistakes] == [
        ("c", "1", "2", 2),
        ("b", "2", "1", 1),
    ]
