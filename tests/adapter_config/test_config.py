"""A config that is read without PEFT, beside the one that PEFT reads."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest
import torch
from peft import PeftConfig

from intent_adapters import IntentModel, train_agent
from intent_adapters.adapter_config import AdapterConfig, Calibration, Provenance
from intent_adapters.adapter_config.tensors import HEAD
from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.bottleneck import BottleneckConfig
from intent_adapters.errors import IntentAdaptersWarning
from tests.support.tiny import tiny_base

SETTINGS = {
    "task_type": "FEATURE_EXTRACTION",
    "base_model_name_or_path": "org/base",
    "revision": "main",
    "bottleneck_size": 8,
    "sites": "pfeiffer",
    "target_modules": ["output.dense", "a"],
    "labels": ["예약 취소", "ß"],
    "head": "linear",
    "prompt": "query: ",
    "catch_all": ["ß"],
    "descriptions": {"ß": ["a letter", "글자"]},
    "calibration": Calibration(temperature=1.7, scope_location=-3.25, scope_spread=0.5, threshold=0.35),
    "provenance": Provenance("sha256:0123", {"epochs": 14, "method": "adapter"}),
}


@pytest.fixture
def of_peft(tmp_path: Path) -> Path:
    """The folder of a config that PEFT wrote."""
    BottleneckConfig(**SETTINGS).save_pretrained(str(tmp_path / "of_peft"))
    return tmp_path / "of_peft"


def attributes(folder: Path) -> dict[str, object]:
    return json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))


def test_both_read_the_same(of_peft: Path):
    plain, of_theirs = AdapterConfig.from_attributes(attributes(of_peft)), PeftConfig.from_pretrained(str(of_peft))
    assert type(plain) is AdapterConfig
    assert type(of_theirs) is BottleneckConfig
    assert plain == of_theirs and of_theirs == plain
    assert plain != AdapterConfig(**{**vars(plain), "revision": "other"})


def test_both_write_the_same(of_peft: Path, tmp_path: Path):
    config = AdapterConfig.from_attributes(attributes(of_peft))
    Adapter(config, {f"{HEAD}.weight": torch.ones(2, 4), f"{HEAD}.bias": torch.zeros(2)}).write(tmp_path / "ours")
    for_both = [(folder / "adapter_config.json").read_bytes() for folder in (of_peft, tmp_path / "ours")]
    assert for_both[0] == for_both[1]


def test_one_of_peft_is_made_of_a_plain_one():
    plain = AdapterConfig(**SETTINGS)
    made = BottleneckConfig.of(plain)
    assert isinstance(made, PeftConfig)
    assert {**vars(made), "peft_version": None} == vars(plain)
    assert BottleneckConfig.of(made) is made


def test_nothing_that_peft_says_of_an_adapter_is_unknown():
    assert {entry.name for entry in fields(PeftConfig)} <= {entry.name for entry in fields(AdapterConfig)}


def test_what_a_newer_version_says_is_left_out_and_named():
    with pytest.warns(IntentAdaptersWarning, match="left out: novelty"):
        config = AdapterConfig.from_attributes({**vars(AdapterConfig(**SETTINGS)), "novelty": 1})
    assert config == AdapterConfig(**SETTINGS)


def test_agents_are_trained_with_a_plain_config(tmp_path: Path):
    rows = [{"text": f"{word} {number}", "label": word} for word in ("cancel", "price") for number in range(3)]
    model = IntentModel(tiny_base(tmp_path))
    result = train_agent(
        model, "a", rows, config=AdapterConfig(prompt="query: "), method="probe", calibrate=False, progress=False
    )
    assert result.config.prompt == "query: "
    assert model.predict("cancel 1").label == "cancel"
