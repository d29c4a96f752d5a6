"""What a `Prediction` says about itself."""

from __future__ import annotations

import dataclasses
import json

import pytest

from intent_adapters.prediction import PredictedEntity, Prediction

PREDICTION = Prediction("clinic", "cancel", 0.75, (("cancel", 0.75), ("book", 0.25)), True, 0.4, 0.3, "0a1b2c")
ENTITY = PredictedEntity(0, 6, "monday", "when", "2026-12-07", None, 1.0, "date")


def test_to_dict_is_json_with_every_field():
    values = json.loads(json.dumps(PREDICTION.to_dict()))
    assert values == {
        "agent": "clinic",
        "label": "cancel",
        "score": 0.75,
        "top_k": [{"label": "cancel", "score": 0.75}, {"label": "book", "score": 0.25}],
        "in_scope": True,
        "scope_score": 0.4,
        "threshold": 0.3,
        "version": "0a1b2c",
    }
    with_entities = dataclasses.replace(PREDICTION, entities=(ENTITY,)).to_dict()
    assert with_entities == {**values, "entities": [dataclasses.asdict(ENTITY)]}
    assert with_entities.keys() == {field.name for field in dataclasses.fields(Prediction)}


@pytest.mark.parametrize("entities", [None, (), (ENTITY,)])
def test_from_dict_takes_back_what_to_dict_gave_and_more(entities):
    given = dataclasses.replace(PREDICTION, entities=entities)
    values = json.loads(json.dumps(given.to_dict()))
    again = Prediction.from_dict({**values, "of a newer server": 1})
    assert again == given and again.to_dict() == given.to_dict()
    values.pop("score")
    with pytest.raises(LookupError):
        Prediction.from_dict(values)


def test_a_prediction_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        PREDICTION.in_scope = False
