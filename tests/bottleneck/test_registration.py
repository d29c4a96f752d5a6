from __future__ import annotations

import copy
import importlib
import json
import pickle

import peft
import pytest
from peft import mapping

import intent_adapters.bottleneck as bottleneck
from intent_adapters.bottleneck import (
    INTENT_BOTTLENECK,
    PREFIX,
    BottleneckConfig,
    BottleneckModel,
    ExternalPeftType,
    register,
)

TABLES = {
    "PEFT_TYPE_TO_CONFIG_MAPPING": BottleneckConfig,
    "PEFT_TYPE_TO_TUNER_MAPPING": BottleneckModel,
    "PEFT_TYPE_TO_PREFIX_MAPPING": PREFIX,
}


@pytest.mark.parametrize("table", TABLES)
def test_importing_put_the_method_into_the_tables(table):
    entries = getattr(mapping, table)
    assert entries["INTENT_BOTTLENECK"] is TABLES[table]
    assert entries[INTENT_BOTTLENECK] is TABLES[table]


@pytest.mark.parametrize("again", ["register", "reload"])
def test_registering_again_changes_nothing(again):
    before = {table: dict(getattr(mapping, table)) for table in TABLES}
    if again == "register":
        register(BottleneckConfig, BottleneckModel)
    else:
        importlib.reload(bottleneck)
    assert {table: dict(getattr(mapping, table)) for table in TABLES} == before


def test_the_official_function_is_tried_first(monkeypatch):
    calls = []
    monkeypatch.setattr("intent_adapters.bottleneck.registration.register_peft_method", lambda **kw: calls.append(kw))
    register(BottleneckConfig, BottleneckModel)
    assert calls == [
        {
            "name": "intent_bottleneck",
            "config_cls": BottleneckConfig,
            "model_cls": BottleneckModel,
            "prefix": "intent_bottleneck_",
        }
    ]


def test_peft_has_no_method_of_that_name_and_refuses_ours():
    assert "INTENT_BOTTLENECK" not in list(peft.PeftType)
    with pytest.raises(ValueError, match="Unknown PEFT type"):
        peft.utils.register_peft_method(
            name="intent_bottleneck", config_cls=BottleneckConfig, model_cls=BottleneckModel, prefix=PREFIX
        )


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_the_type_survives_copies(duplicate):
    twin = duplicate(INTENT_BOTTLENECK)
    assert type(twin) is ExternalPeftType
    assert twin == "INTENT_BOTTLENECK" == twin.value == twin.name
    assert hash(twin) == hash("INTENT_BOTTLENECK")
    assert type(twin.value) is str
    assert json.dumps(twin) == '"INTENT_BOTTLENECK"'


def test_prefix_is_the_one_transformers_derives_from_the_type():
    assert f"{INTENT_BOTTLENECK.value.lower()}_" == PREFIX == BottleneckModel.prefix
