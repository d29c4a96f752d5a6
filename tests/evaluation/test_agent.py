from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from datasets import Dataset

from intent_adapters.bottleneck import Calibration
from intent_adapters.errors import DataError
from intent_adapters.evaluation import (
    Confusion,
    ask,
    auroc,
    evaluate,
    expected_calibration_error,
    risk_coverage,
    score_labels,
)
from intent_adapters.evaluation.answers import PROBABILITIES_AT_A_TIME
from intent_adapters.model import IntentModel
from intent_adapters.prediction import PredictedEntity, Prediction

LABELS = ["1", "2", "3"]
ROWS = [{"text": text, "label": label} for text, label in [("a", "1"), ("bb", "2"), ("c", "1"), ("ddd", "2")]]


class LengthModel:
    """Answers with the length of the text, the surer the earlier its first letter; from "d" on out of scope."""

    def __init__(self, *agents: str, threshold: float | None = None) -> None:
        self.agents = agents
        self.threshold = threshold
        self.catch_all: list[str] | None = None
        self.asked: list[tuple[str, int]] = []

    def sole_agent(self) -> str:
        (agent,) = self.agents
        return agent

    def labels(self, agent: str) -> list[str]:
        return LABELS

    def adapter(self, agent: str) -> SimpleNamespace:
        calibration = Calibration(threshold=self.threshold)
        return SimpleNamespace(config=SimpleNamespace(calibration=calibration, catch_all=self.catch_all))

    def predict(
        self, texts: Sequence[str], agents: str, *, top_k: int, threshold: float | None, batch_size: int
    ) -> list[Prediction]:
        self.asked.append((agents, len(texts)))
        return [self.answer(agents, text, top_k, threshold) for text in texts]

    def answer(self, agent: str, text: str, top_k: int, threshold: float | None) -> Prediction:
        label = str(min(len(text), 3))
        score = 0.9 - 0.1 * (ord(text[0]) - ord("a"))
        others = [other for other in LABELS if other != label]
        top = ((label, score), *((other, (1 - score) / 2) for other in others))
        limit = self.threshold if threshold is None else threshold
        return Prediction(agent, label, score, top[:top_k], limit is None or score / 2 >= limit, scope_score=score / 2)


def model(*agents: str, threshold: float | None = None) -> IntentModel:
    return cast(IntentModel, LengthModel(*agents, threshold=threshold))


def test_an_agent_is_evaluated_on_every_row():
    scores = evaluate(model("it"), ROWS)
    assert (scores.rows, scores.accuracy, scores.agent, scores.threshold) == (4, 0.75, "it", None)
    assert scores.confusions == (Confusion("2", "3", 1),)
    assert scores.correct.tolist() == [True, True, True, False]
    assert scores.out_of_scope is None
    assert scores.rejection.false_rejection_rate == 0
    other = evaluate(model("it", "hr"), ROWS, "hr")
    assert (other.agent, other.intents, other.calibration) == ("hr", scores.intents, scores.calibration)


def test_classification_scores_are_those_of_the_labels():
    scores = evaluate(model("it"), ROWS)
    labels = score_labels([row["label"] for row in ROWS], ["1", "2", "1", "3"])
    shared = labels.to_dict()
    assert {name: scores.to_dict()[name] for name in shared} == shared


def test_probabilities_calibrate_and_scope_scores_decide():
    scores = evaluate(model("it"), ROWS, out_of_scope=["e", "b"], threshold=0.38)
    sure, correct = [0.9, 0.8, 0.7, 0.6], [True, True, True, False]
    assert scores.answers.probabilities.sum(axis=1) == pytest.approx(1)
    assert scores.answers.confidence == pytest.approx(sure)
    assert scores.answers.scores == pytest.approx([score / 2 for score in sure])
    error = expected_calibration_error(sure, correct)
    assert scores.calibration.expected_calibration_error == pytest.approx(error, abs=1e-6)
    assert scores.selective == risk_coverage(sure, correct)
    assert scores.threshold == 0.38
    assert scores.rejection.false_rejection_rate == 0.5
    assert scores.rejection.accepted_accuracy == 1
    assert scores.out_of_scope is not None
    assert scores.out_of_scope.auroc == auroc(sure, [0.5, 0.8])
    assert (scores.out_of_scope.recall, scores.out_of_scope.precision) == (0.5, pytest.approx(1 / 3))


def test_the_threshold_of_the_agent_holds_unless_another_is_given():
    scores = evaluate(model("it", threshold=0.38), ROWS)
    assert (scores.threshold, scores.rejection.false_rejection_rate) == (0.38, 0.5)
    scores = evaluate(model("it", threshold=0.38), ROWS, threshold=0.0)
    assert (scores.threshold, scores.rejection.false_rejection_rate) == (0.0, 0.0)


def test_out_of_scope_rows_may_be_texts_rows_or_a_dataset():
    rows = [{"text": "e", "label": "whatever"}, {"text": "b", "label": "else"}]
    expected = evaluate(model("it"), ROWS, out_of_scope=["e", "b"]).out_of_scope
    assert evaluate(model("it"), ROWS, out_of_scope=rows).out_of_scope == expected
    assert evaluate(model("it"), ROWS, out_of_scope=Dataset.from_list(rows)).out_of_scope == expected


def test_json_holds_everything_but_the_single_answers():
    scores = evaluate(model("it"), ROWS, out_of_scope=["e"])
    found = json.loads(json.dumps(scores.to_dict()))
    assert found["accuracy"] == 0.75
    assert found["out_of_scope"]["rows"] == 1
    assert found["selective"]["area"] == scores.selective.area
    assert "answers" not in found
    assert json.loads(json.dumps(evaluate(model("it"), ROWS).to_dict()))["out_of_scope"] is None


def test_each_mistake_has_its_row_and_the_accuracy_its_interval():
    scores = evaluate(model("it"), ROWS, out_of_scope=["e", "b"], threshold=0.38)
    assert [(one.kind, one.text, one.row) for one in scores.mistakes] == [
        ("wrongly accepted", "b", 1),
        ("falsely rejected", "c", 2),
        ("falsely rejected", "ddd", 3),
    ]
    assert scores.interval == pytest.approx((0.30, 0.95), abs=0.01)
    assert json.loads(json.dumps(scores.to_dict()))["mistakes"][0]["text"] == "b"


def test_rows_of_a_catch_all_are_no_false_rejections():
    it = LengthModel("it", threshold=0.38)
    assert evaluate(cast(IntentModel, it), ROWS).rejection.false_rejection_rate == 0.5
    it.catch_all = ["2"]  # of "bb", which is accepted, and "ddd", which is not
    scores = evaluate(cast(IntentModel, it), ROWS)
    assert scores.rejection.false_rejection_rate == 0.5
    assert [(one.kind, one.text) for one in scores.mistakes] == [("wrongly accepted", "bb"), ("falsely rejected", "c")]


def test_rows_that_were_trained_on_are_counted():
    train = [{"text": " c ", "label": "1"}, {"text": "other", "label": "2"}, {"text": "ddd", "label": "3"}]
    assert evaluate(model("it"), ROWS, train=train).trained_on == 2
    assert evaluate(model("it"), ROWS).trained_on is None


def test_many_intents_are_asked_in_parts_and_put_together_in_order(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("intent_adapters.evaluation.answers.PROBABILITIES_AT_A_TIME", 6)
    asked = LengthModel("it")
    texts = ["a", "bb", "ccc", "d", "ee"]
    answers = ask(cast(IntentModel, asked), texts, "it", batch_size=1)
    assert asked.asked == [("it", 2), ("it", 2), ("it", 1)]
    assert answers.labels == ["1", "2", "3", "1", "2"]
    assert answers.texts == tuple(texts)
    assert PROBABILITIES_AT_A_TIME > 6
    assert np.all(np.diff(answers.confidence) < 0)


def test_bad_rows_and_unknown_labels():
    it = model("it")
    with pytest.raises(DataError, match=r"rows\[0\]: the text is empty"):
        evaluate(it, [{"text": "", "label": "1"}])
    with pytest.raises(DataError, match="'oos' of the rows is no intent of agent 'it'"):
        evaluate(it, [{"text": "a", "label": "oos"}])
    with pytest.raises(DataError, match=r"out_of_scope\[1\]: the text is empty"):
        evaluate(it, ROWS, out_of_scope=["a", " "])
    with pytest.raises(DataError, match="out_of_scope: there are no utterances"):
        evaluate(it, ROWS, out_of_scope=[])


class FirstLetterModel(LengthModel):
    """Finds the first letter of each text, and takes it for an entity of the type `first`."""

    def answer(self, agent: str, text: str, top_k: int, threshold: float | None) -> Prediction:
        found = PredictedEntity(0, 1, text[0], "first", text[0], None, 1.0, "values")
        return replace(super().answer(agent, text, top_k, threshold), entities=(found,))


def test_entities_are_scored_where_some_are_marked_and_the_agent_finds_some():
    finder = cast(IntentModel, FirstLetterModel("it"))
    first, none = [{"start": 1, "end": 2, "entity": "first"}], []
    marked = [{**row, "entities": entities} for row, entities in zip(ROWS, [first, none, None, none], strict=True)]
    marked[0]["text"] = " a"
    scores = evaluate(finder, marked)
    assert scores.entities is not None
    assert (scores.entities.rows, scores.entities.unknown_rows, scores.entities.f1) == (3, 1, 0.5)
    found = json.loads(json.dumps(scores.to_dict()))
    assert found["entities"]["recall"] == 1
    # Everything else is as it would be without.
    plain = evaluate(model("it"), ROWS)
    assert {name: value for name, value in found.items() if name != "entities"} == plain.to_dict() | {
        "mistakes": found["mistakes"]
    }
    assert evaluate(model("it"), marked).entities is None
    assert evaluate(finder, ROWS).entities is None
    assert "entities" not in evaluate(finder, [{**row, "entities": none} for row in ROWS]).to_dict()
    with pytest.raises(DataError, match=r"rows\[0\]: the entity's offsets 0, 9 are not in the text"):
        evaluate(finder, [{**ROWS[0], "entities": [{"start": 0, "end": 9, "entity": "first"}]}])
