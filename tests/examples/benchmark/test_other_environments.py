from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from examples.benchmark.measured_system import Plan
from examples.benchmark.systems import other_environments
from examples.benchmark.systems.other_environments import (
    CODE,
    AdapterHub,
    SetFit,
    Worker,
    WorkerError,
    WorkerSystem,
)
from examples.benchmark.workers.measuring import NotMeasurable

PEER = """
import os, sys
from .measuring import NotMeasurable, measure_loading

class Peer:
    def write_files(self, plan):
        print("a library prints")
        os.write(1, b"and so does one written in C")
        return {"base_bytes": 7, "agent_bytes": plan["labels"]}
    def prepare(self, plan):
        if plan["labels"] == 1:
            raise NotMeasurable("no room for it")
        if plan["labels"] == 2:
            import a_package_that_is_not_there
        if plan["labels"] == 3:
            os._exit(3)
        if plan["labels"] == 4:
            raise ValueError("it broke")
        return {"versions": {"fake": sys.modules[__package__].__doc__ and "1"}}
    def seconds(self, reference, rows, agents, slice_seconds):
        return [float(reference), float(rows), float(agents)]
    def loading(self, plan, most, budget_seconds):
        return measure_loading(lambda index: None, lambda index: None, most, budget_seconds)
"""


class Fake(WorkerSystem):
    name = title = "fake"
    module = "fake_peer"
    install = "pip install fake"
    most_loads = 5


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "workers"
    shutil.copytree(CODE, folder)
    (folder / "fake_peer.py").write_text(PEER)
    return folder


@pytest.fixture
def fake(plan: Plan, code: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Fake]]:
    made: list[Fake] = []

    class Tracked(Fake):
        def __init__(self, plan: Plan) -> None:
            super().__init__(replace(plan, pythons={"fake": sys.executable}))
            made.append(self)

    monkeypatch.setattr(other_environments, "Worker", lambda python, module: Worker(python, module, code))
    yield Tracked
    for system in made:
        system.close()


def with_labels(plan: Plan, labels: int) -> Plan:
    return replace(plan, labels=labels)


def test_a_worker_answers_and_what_it_prints_does_not_get_in_the_way(fake: type[Fake], plan: Plan):
    system = fake(plan)
    disk = system.write_files()
    assert (disk.base_bytes, disk.agent_bytes) == (7, 5)
    system.prepare()
    assert system.versions() == {"fake": "1"}
    case = plan.cases[-1]
    assert system.seconds(case, 0.1) == [0.0, 18.0, 9.0]
    assert system.reference_seconds(case, 0.1) == [1.0, 18.0, 9.0]
    assert len(system.loading(1000, 1.0)["seconds"]) == 5


@pytest.mark.parametrize(("labels", "reason"), [(1, "no room for it"), (2, "a_package_that_is_not_there")])
def test_a_worker_says_why_it_cannot_be_measured(fake: type[Fake], plan: Plan, labels: int, reason: str):
    with pytest.raises(NotMeasurable, match=reason):
        fake(with_labels(plan, labels)).prepare()


def test_an_error_in_a_worker_is_told_and_the_worker_goes_on(fake: type[Fake], plan: Plan):
    system = fake(with_labels(plan, 4))
    with pytest.raises(WorkerError, match="ValueError: it broke"):
        system.prepare()
    assert system.seconds(plan.cases[0], 0.1) == [0.0, 1.0, 1.0]


def test_a_worker_that_dies_is_an_error_and_no_hang(fake: type[Fake], plan: Plan):
    with pytest.raises(WorkerError, match="did not answer 'prepare'"):
        fake(with_labels(plan, 3)).prepare()


def test_a_call_that_is_no_call_is_refused(fake: type[Fake], plan: Plan):
    with pytest.raises(WorkerError, match="no call '__class__'"):
        fake(plan).ask("__class__")


@pytest.mark.parametrize("system", [SetFit, AdapterHub])
def test_a_peer_without_an_environment_is_not_run(system: type[WorkerSystem], plan: Plan):
    with pytest.raises(NotMeasurable, match=f"--peer {system.name}="):
        system(plan).write_files()


@pytest.mark.parametrize("system", [SetFit, AdapterHub])
def test_an_interpreter_that_is_not_there_is_not_run(system: type[WorkerSystem], plan: Plan):
    plan = replace(plan, pythons={system.name: "/no/such/python"})
    with pytest.raises(NotMeasurable, match="/no/such/python cannot be started"):
        system(plan).write_files()
