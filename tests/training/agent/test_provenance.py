"""What an adapter says of its training, on a tiny random base."""

from __future__ import annotations

import platform
from datetime import UTC, datetime, timedelta

import pytest
import torch

from intent_adapters import IntentModel, train_agent
from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.data import data_digest
from tests.support.short_trainings import short_trainings
from tests.support.tiny import tiny_base

__all__ = ["short_trainings"]

pytestmark = pytest.mark.usefixtures("short_trainings")

ROWS = [
    {"text": text, "label": label}
    for label, texts in {
        "cancel_visit": ["cancel my visit", "please cancel", "예약 취소 해주세요", "취소"],
        "price": ["how much is it", "what does it cost", "진료비 얼마", "price please"],
    }.items()
    for text in texts
]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return IntentModel(tiny_base(tmp_path_factory.mktemp("base")), name="org/tiny")


def train(model, rows=ROWS, **settings):
    return train_agent(model, "clinic", rows, **{"epochs": 1, "progress": False, "replace": True, **settings})


@pytest.mark.parametrize("method", ["adapter", "probe", "full"])
def test_an_adapter_carries_what_it_was_trained_with(model, method, tmp_path):
    result = train(model, [*ROWS, ROWS[0]], method=method, label_names=True, seed=3)
    said = result.config.provenance
    assert said.rows == len(ROWS)
    assert said.data_digest == data_digest(ROWS)
    assert (said.training["seed"], said.training["epochs"], said.training["method"]) == (3, 1, result.method)
    assert (said.accuracy, said.accuracy_source) == (result.calibration.accuracy, "cross-validation")
    assert said.versions["torch"] == torch.__version__
    assert said.versions["python"] == platform.python_version()
    trained = datetime.strptime(said.date, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert timedelta() <= datetime.now(UTC) - trained < timedelta(minutes=5)
    result.save(tmp_path / "clinic")
    assert Adapter.read(tmp_path / "clinic").config.provenance == said


def test_what_decides_beside_the_recipe_is_among_the_settings(model):
    foreign, log = ["where is the moon", "sing a song"], ["cancel all", "the cost", "price"]
    said = train(model, out_of_scope=foreign, unlabelled=log, false_rejection_rate=0.1, method="probe").config
    training = said.provenance.training
    assert (training["out_of_scope"], training["unlabelled"]) == (2, 3)
    assert (training["calibrate"], training["false_rejection_rate"]) == (True, 0.1)
    assert isinstance(training["label_names"], bool)


def test_an_accuracy_that_nobody_measured_is_not_there(model):
    for rows, settings in ((ROWS, {"calibrate": False}), (ROWS[::4], {"out_of_scope": ["where is the moon"]})):
        said = train(model, rows, method="probe", **settings).config.provenance
        assert (said.accuracy, said.accuracy_source) == (None, None)
        assert said.rows == len(rows)


def test_the_same_training_writes_the_same_bytes_at_a_fixed_date(model, monkeypatch, tmp_path):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1764410400")
    for name in ("one", "two"):
        train(model, method="probe").save(tmp_path / name)
    files = [{path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "two")]
    assert files[0] == files[1]
    assert Adapter.read(tmp_path / "one").config.provenance.date == "2025-11-29T10:00:00Z"
