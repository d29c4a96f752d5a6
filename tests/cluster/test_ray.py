"""Agents trained on Ray: the same to the bit, and none lost or half written when a machine is."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from intent_adapters import train_agents
from intent_adapters.errors import MissingExtraError
from tests.cluster.conftest import ADAPTER, ROWS, contents, states, write_rows

ROOT = Path(__file__).parents[2]


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Whose workers find the package where this process does; it sends no statistics of use."""
    found = pytest.importorskip("ray", reason="Ray is not installed: pip install 'intent-adapters[ray]'")
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    return found


@pytest.fixture
def begun(ray: ModuleType) -> Iterator[ModuleType]:
    # One worker at a time, as each takes seconds to import PyTorch.
    ray.init("local", num_cpus=1, include_dashboard=False, logging_level="warning", log_to_driver=False)
    yield ray
    ray.shutdown()


def test_ray_makes_the_same_adapters_to_the_bit(base: Path, data: Path, tmp_path: Path, begun: ModuleType):
    write_rows(data / "bad.jsonl", ROWS[:3])
    agents = {"#": ROWS}
    here = train_agents(base, data, tmp_path / "here", **ADAPTER)
    there = train_agents(base, data, tmp_path / "there", executor="ray", workers=3, **ADAPTER)
    assert states(there) == states(here)
    assert contents(tmp_path / "there") == contents(tmp_path / "here")
    assert begun.is_initialized()  # it was not begun there
    assert states(train_agents(base, agents, tmp_path / "there", executor="ray")) == {"#": "failed"}


@pytest.mark.slow  # two minutes
def test_a_machine_that_is_lost_takes_no_agent_with_it(base: Path, tmp_path: Path, ray: ModuleType):
    from ray.cluster_utils import Cluster

    count = 12
    agents = {f"agent {number}": ROWS for number in range(count)}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    lost = cluster.add_node(num_cpus=1)
    written: list[str] = []
    settings: dict[str, Any] = {"epochs": 60}
    try:
        ray.init(address=cluster.address, logging_level="warning", log_to_driver=False)
        killer: list[threading.Thread] = []

        def kill(report: Any, *said: object) -> None:
            written.append(report.agent)
            if len(written) == 3:
                killer.append(threading.Thread(target=cluster.remove_node, args=(lost, False)))
                killer[0].start()

        report = train_agents(base, agents, tmp_path / "there", executor="ray", on_agent=kill, **settings)
        killer[0].join()
    finally:
        ray.shutdown()
        cluster.shutdown()
    assert states(report) == dict.fromkeys(agents, "trained")
    assert sorted(written) == sorted(agents)  # each once
    folders = sorted(path.name for path in (tmp_path / "there").iterdir())
    assert folders == sorted([*agents, "report.json"])
    assert not list((tmp_path / "there").glob("*/versions"))  # as one that is written twice has
    train_agents(base, agents, tmp_path / "here", **settings)
    assert contents(tmp_path / "there") == contents(tmp_path / "here")


def test_without_ray_the_error_names_the_extra(base: Path, data: Path, tmp_path: Path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"intent-adapters\[ray\]"):
        train_agents(base, data, tmp_path / "agents", executor="ray")
    assert not (tmp_path / "agents").exists()
