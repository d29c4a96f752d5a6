from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import pytest

from examples.benchmark import stages
from examples.benchmark.measured_system import AgentSystem, Plan, need


class Sleepless(AgentSystem):
    """Takes no time and does nothing."""

    name = title = "sleepless"

    def open(self) -> None:
        self.loaded: list[int] = []

    def load(self, index: int) -> None:
        self.loaded.append(index)

    def predict(self, texts: list[str], agents: Sequence[int]) -> Sequence[object]:
        assert set(agents) <= set(self.loaded)
        return ()


class Broken(Sleepless):
    name = title = "broken"

    def predict(self, texts: list[str], agents: Sequence[int]) -> Sequence[object]:
        raise RuntimeError("in the middle of it")


class Missing(Sleepless):
    name = title = "missing"

    def open(self) -> None:
        need("a_package_that_is_not_there", "a-package")


class Slow(Sleepless):
    name = title = "slow"

    def seconds(self, case: object, slice_seconds: float) -> list[float]:
        return [2.0]


@pytest.fixture(autouse=True)
def systems(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {system.name: system for system in (Sleepless, Broken, Missing, Slow)}
    monkeypatch.setattr(stages, "SYSTEMS", found)


def job(plan: Plan, **settings: object) -> dict[str, object]:
    names = ["sleepless", "broken", "missing", "slow"]
    return {"plan": asdict(plan), "systems": names, "threads": 1, **settings}


def test_what_cannot_be_timed_is_named_with_its_reason_and_the_others_go_on(plan: Plan):
    found = stages.timing(job(plan, rounds=6, slice_seconds=0.0))
    assert set(found["rounds"]) == {"sleepless", "slow"}
    assert found["not_run"]["broken"] == "failed: RuntimeError: in the middle of it"
    assert found["not_run"]["missing"].startswith("a_package_that_is_not_there is not installed: pip install 'a-pack")


def test_every_system_has_its_turn_in_every_round_but_the_slow_in_three(plan: Plan):
    found = stages.timing(job(plan, rounds=6, slice_seconds=0.0))
    assert {name: set(cases) for name, cases in found["rounds"].items()} == {
        name: {"one", "batch-1", "batch-8", "batch-9"} for name in ("sleepless", "slow")
    }
    assert sorted(found["rounds"]["sleepless"]["one"]) == [0, 1, 2, 3, 4, 5]
    assert sorted(found["rounds"]["slow"]["batch-9"]) == [0, 2, 4]
    assert found["references"] == {}


def test_a_turn_goes_on_for_its_slice_of_time(plan: Plan):
    found = stages.timing(job(plan, rounds=1, slice_seconds=5.0))
    assert len(found["rounds"]["sleepless"]["one"][0]) == 50


def test_loading_that_cannot_be_is_a_reason(plan: Plan):
    found = stages.loading(job(plan, systems=["missing"], loads=5, budget_seconds=1.0))
    assert list(found) == ["not_run"]
    assert len(stages.loading(job(plan, loads=5, budget_seconds=9.0))["seconds"]) == 5


def test_files_come_with_texts_that_fit(plan: Plan):
    plan = Plan(plan.base, plan.work, large=plan.base)
    found = stages.write_files(job(plan))
    assert found["texts"] == found["large_texts"]
    assert len(found["texts"]) == 64
    assert found["disk"] == dict.fromkeys(["sleepless", "broken", "missing", "slow"])
