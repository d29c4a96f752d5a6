"""The token head: it learns, changes nothing else, and answers alike everywhere."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch
from peft import PeftModel
from safetensors.numpy import load_file

from intent_adapters import IntentModel
from intent_adapters.adapter_config.tagger import TaggerConfig
from intent_adapters.data import Definition, EntityDefinitions
from intent_adapters.errors import AdapterError, ConfigError, DataError, DataWarning
from intent_adapters.runtime.onnx.export import export_base
from intent_adapters.training import train_tagger
from tests.support.adapters import random_adapter
from tests.support.tiny import tiny_base, tiny_encoder

CITIES = ["Seoul", "Busan", "Paris", "제주", "York", "Rome"]
FRAMES = ["go to {} now", "{}", "from {}, please", "cancel {} my appointment"]
ROWS = [
    {
        "text": frame.format(city),
        "entities": [{"start": frame.index("{"), "end": frame.index("{") + len(city), "entity": "city"}],
    }
    for city in CITIES
    for frame in FRAMES
] + [{"text": text, "entities": []} for text in ("cancel my appointment", "hello", "예약 취소", "how much is it")]
TEXTS = [row["text"] for row in ROWS]


def found(predictions):
    return [[(e.start, e.end, e.entity) for e in prediction.entities] for prediction in predictions]


def marked(rows):
    return [[(e["start"], e["end"], e["entity"]) for e in row["entities"]] for row in rows]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny_base(tmp_path_factory.mktemp("base"))


def untrained(base, **settings):
    model = IntentModel(base)
    model.add_agent("clinic", random_adapter(base, **settings))
    model.add_agent("other", random_adapter(base, seed=1))
    return model


@pytest.fixture(scope="module")
def trained(base):
    model = untrained(base)
    before = model.predict([*TEXTS, *TEXTS], ["clinic", "other"] * len(TEXTS))
    result = train_tagger(model, "clinic", ROWS)
    return model, before, result


def test_it_learns_and_says_what_it_did(trained):
    model, _, result = trained
    assert found(model.predict(TEXTS, "clinic")) == marked(ROWS)
    assert (result.texts, result.entities, result.inexact, result.left_out) == (len(ROWS), {"city": 24}, 0, 0)
    entity = model.predict("go to Rome now", "clinic").entities[0]
    assert (entity.text, entity.value, entity.source, entity.role) == ("Rome", "Rome", "tagger", None)
    assert 0.5 < entity.score <= 1


def test_no_intent_changes_in_a_bit_and_other_agents_find_nothing(trained):
    model, before, _ = trained
    after = model.predict([*TEXTS, *TEXTS], ["clinic", "other"] * len(TEXTS))
    for one, other in zip(before, after, strict=True):
        assert (one.top_k, one.scope_score, one.in_scope) == (other.top_k, other.scope_score, other.in_scope)
        assert (other.entities is None) == (other.agent == "other")


def test_the_same_seed_gives_the_same_weights_and_leaves_the_callers_draws(base, trained):
    model = untrained(base)
    state = torch.get_rng_state()
    train_tagger(model, "clinic", ROWS)
    assert torch.equal(torch.get_rng_state(), state)
    ours, theirs = (one.adapter("clinic").arrays for one in (model, trained[0]))
    assert ours.keys() == theirs.keys()
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours)


def test_it_survives_its_folder_and_plain_peft(trained, base, tmp_path):
    model = trained[0]
    model.save_adapter("clinic", tmp_path / "clinic")
    again = IntentModel(base)
    again.load_adapter(tmp_path / "clinic", name="clinic")
    assert again.predict(TEXTS, "clinic") == model.predict(TEXTS, "clinic")
    PeftModel.from_pretrained(tiny_encoder(), tmp_path / "clinic").save_pretrained(tmp_path / "peft")
    ours, theirs = (load_file(tmp_path / name / "adapter_model.safetensors") for name in ("clinic", "peft"))
    assert ours.keys() == theirs.keys()
    assert all(np.array_equal(ours[name].astype(np.float32), theirs[name]) for name in ours)


def test_onnx_gives_the_same(trained, base, tmp_path):
    export_base(base, tmp_path / "base", precision="float32")
    trained[0].save_adapter("clinic", tmp_path / "clinic")
    trained[0].save_adapter("other", tmp_path / "other")
    agents = {name: str(tmp_path / name) for name in ("clinic", "other")}
    model = IntentModel.from_pretrained(tmp_path / "base", adapter=agents, backend="onnx", threads=2)
    alone = [model.predict(text, "clinic") for text in TEXTS]
    assert found(alone) == found(trained[0].predict(TEXTS, "clinic"))
    mixed = model.predict([*TEXTS, *TEXTS], ["clinic", "other"] * len(TEXTS))
    assert found(mixed[::2]) == found(model.predict(TEXTS[::2] + TEXTS[::2], "clinic")) or len(mixed) % 2
    assert all(answer.entities is None for answer in mixed[1::2])


def test_an_older_graph_says_that_it_has_no_states(trained, base, tmp_path):
    from dataclasses import replace

    export_base(base, tmp_path / "base", precision="float32")
    model = IntentModel.from_pretrained(tmp_path / "base", backend="onnx")
    model._base.description = replace(model._base.description, token_layer=0, token_states="")
    with pytest.raises(AdapterError, match="the graph of the base gives none: export the base again"):
        model.add_agent("clinic", trained[0].adapter("clinic"))
    model.add_agent("other", trained[0].adapter("other"))


def test_definitions_that_were_right_come_first_and_others_beside_what_was_learned(base):
    model = untrained(base)
    known = EntityDefinitions(
        {"city": Definition(values={"SEOUL": ("Seoul",), "Oslo": ()}), "number": Definition(system=("number",))}
    )
    model.set_entities("clinic", known)
    train_tagger(model, "clinic", ROWS)
    assert model.adapter("clinic").config.tagger.trusted == ["city"]
    answer = model.predict("from Seoul, 3 please, Oslo", "clinic")
    values = [(e.text, e.entity, e.value, e.source) for e in answer.entities]
    assert ("Seoul", "city", "SEOUL", "values") in values
    assert ("3", "number", "3", "number") in values
    assert ("Oslo", "city", "Oslo", "values") in values
    assert all(one.end <= other.start for one, other in zip(answer.entities, answer.entities[1:], strict=False))


def test_what_is_learned_has_its_value_by_synonyms(base):
    model = untrained(base)
    model.set_entities("clinic", EntityDefinitions(synonyms={"Italy's capital": ("ROME",)}))
    train_tagger(model, "clinic", ROWS)
    (entity,) = model.predict("go to Rome now", "clinic").entities
    assert (entity.text, entity.value, entity.source) == ("Rome", "Italy's capital", "tagger")


def test_a_prompt_and_texts_that_are_cut_move_no_span(base):
    model = untrained(base, prompt="query: ")
    train_tagger(model, "clinic", ROWS)
    assert found(model.predict(TEXTS, "clinic")) == marked(ROWS)
    for entity in model.predict("go to Rome now " * 60, "clinic").entities:
        assert ("go to Rome now " * 60)[entity.start : entity.end] == entity.text


def test_rows_that_cannot_be_learned_from(base):
    model = untrained(base)
    before = model.adapter("clinic")
    for rows in ([], [{"text": "a", "entities": []}], [{"text": "a", "entities": None}]):
        with pytest.raises(DataError, match="no entity is marked"):
            train_tagger(model, "clinic", rows)
    with pytest.raises(ConfigError, match="epochs"):
        train_tagger(model, "clinic", ROWS, epochs=0)
    assert model.adapter("clinic").digest == before.digest
    result = train_tagger(model, "clinic", [*ROWS, {"text": "unknown", "entities": None}], epochs=1)
    assert result.texts == len(ROWS)
    crossing = [{"start": 0, "end": 5, "entity": "city"}, {"start": 3, "end": 9, "entity": "other"}]
    with pytest.warns(DataWarning, match="overlap"):
        assert train_tagger(model, "clinic", [{"text": "Seoul now", "entities": crossing}], epochs=1).left_out == 1


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"text": "Seoul", "entities": [{"start": -1, "end": 5, "entity": "city"}]}, "start"),
        ({"text": "Seoul", "entities": [{"start": 0, "end": 90, "entity": "city"}]}, "end"),
        ({"text": "Seoul", "entities": [{"start": 0.5, "end": 5, "entity": "city"}]}, "0.5"),
        ({"text": 5, "entities": []}, "5"),
    ],
)
def test_marks_of_what_is_not_in_the_text_are_errors(base, row, said):
    model = untrained(base)
    with pytest.raises(DataError, match=said):
        train_tagger(model, "clinic", [*ROWS, row])
    assert model.adapter("clinic").config.tagger is None


def test_more_entities_than_can_be_learned(base):
    rows = [{"text": "Seoul", "entities": [{"start": 0, "end": 5, "entity": f"city {n}"}]} for n in range(201)]
    with pytest.raises(DataError, match="201 entities"):
        train_tagger(untrained(base), "clinic", rows)


def test_a_damaged_one_is_refused(trained, base, tmp_path):
    adapter = trained[0].adapter("clinic")
    arrays = dict(adapter.arrays)
    arrays.pop("intent_head.intent_bottleneck_tagger.hidden_bias")
    with pytest.raises(AdapterError, match=r"lacks 1 tensor"):
        IntentModel(base).add_agent("clinic", adapter.with_tagger(adapter.config.tagger, arrays))
    deeper = TaggerConfig(["city"], layer=9, width=32)
    with pytest.raises(AdapterError):
        IntentModel(base).add_agent("clinic", adapter.with_tagger(deeper, adapter.arrays))
    shutil.rmtree(tmp_path)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"entities": []}, "tagger.entities"),
        ({"layer": 0}, "tagger.layer"),
        ({"trusted": ["other"]}, "tagger.trusted"),
        ({"starts": None}, "tagger.starts"),
    ],
)
def test_what_a_config_must_not_say(settings, said):
    with pytest.raises(ConfigError, match=said):
        TaggerConfig(**{"entities": ["city"], "layer": 1, "width": 32, **settings})
