from __future__ import annotations

import pytest
from datasets import Dataset

from intent_adapters import IntentModel
from intent_adapters.errors import ConfigError
from intent_adapters.evaluation import SYSTEMS, ComparedSystem, compare
from tests.support.short_trainings import short_trainings
from tests.support.tiny import tiny_base

__all__ = ["short_trainings"]

ROWS = {
    "cancel": ["예약 취소해 주세요", "취소", "cancel it", "please cancel"],
    "cost": ["진료비 얼마예요?", "얼마", "how much is it", "what is the cost"],
}


def dataset(part: slice) -> Dataset:
    pairs = [(text, label) for label, texts in ROWS.items() for text in texts[part]]
    return Dataset.from_dict({"text": [text for text, _ in pairs], "label": [label for _, label in pairs]})


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return IntentModel(tiny_base(tmp_path_factory.mktemp("base")), name="tiny")


@pytest.mark.usefixtures("short_trainings")
def test_every_system_runs_on_every_seed_and_leaves_the_model_alone(model):
    before = model.fingerprint
    runs = []
    compared = compare(
        model,
        dataset(slice(0, 3)),
        dataset(slice(3, 4)),
        seeds=[0, 1],
        on_run=lambda system, seed, accuracy: runs.append((system, seed, accuracy)),
    )
    assert [system.name for system in compared] == list(SYSTEMS)
    assert [(name, seed) for name, seed, _ in runs] == [(name, seed) for name in SYSTEMS for seed in (0, 1)]
    for system in compared:
        assert [accuracy for name, _, accuracy in runs if name == system.name] == list(system.accuracies)
        assert all(0 <= accuracy <= 1 for accuracy in system.accuracies)
        assert all(seconds > 0 for seconds in system.seconds)
        assert len(system.kept) == 2 and set(system.kept) <= {"probe", SYSTEMS[system.name].method}
    sizes = {system.name: system.agent_bytes for system in compared}
    assert sizes["probe"] < sizes["adapter"] == pytest.approx(sizes["adapter-ce"], rel=0.02)
    assert sizes["full"] > sizes["adapter"]
    assert model.agents == ()
    assert IntentModel(model.base).fingerprint == before


def test_mean_and_spread_are_those_of_the_seeds():
    system = ComparedSystem("probe", "title", (0.5, 0.7, 0.9), (1.0, 1.0, 1.0), 10, ("probe",) * 3, 100)
    assert system.mean == pytest.approx(0.7)
    assert system.spread == pytest.approx(0.2)
    assert system.interval == pytest.approx((0.604, 0.781), abs=0.001)
    assert ComparedSystem("probe", "title", (0.5,), (1.0,), 10, ("probe",), 100).spread == 0
    assert system.to_dict()["mean"] == system.mean


@pytest.mark.parametrize(("systems", "seeds"), [(["lora"], [0]), ([], [0]), (["probe"], [])])
def test_unknown_systems_and_no_seeds_are_refused(model, systems, seeds):
    with pytest.raises(ConfigError, match="probe, adapter-ce, adapter, full"):
        compare(model, dataset(slice(0, 3)), dataset(slice(3, 4)), systems, seeds)
