"""Agents trained on Ray: the same to the bit, and none lost or half written when a machine is."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from intent_adapters import train_agents
from tests.cluster.conftest import ADAPTER, ROWS, contents, states, write_rows

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'intent-adapters[ray]'")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers find the package where this process does, and send no statistics of use."""
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")


@pytest.fixture
def local_ray(environment: None) -> Iterator[None]:
    ray.init(num_cpus=2, include_dashboard=False, logging_level="warning", log_to_driver=False)
    yield
    ray.shutdown()


@pytest.mark.usefixtures("local_ray")
def test_ray_makes_the_same_adapters_to_the_bit(base: Path, data: Path, tmp_path: Path):
    write_rows(data / "bad.jsonl", ROWS[:3])
    agents = {"#": ROWS}
    here = train_agents(base, data, tmp_path / "here", **ADAPTER)
    there = train_agents(base, data, tmp_path / "there", executor="ray", workers=3, **ADAPTER)
    assert states(there) == states(here)
    assert contents(tmp_path / "there") == contents(tmp_path / "here")
    assert ray.is_initialized()  # it was not begun there
    assert states(train_agents(base, agents, tmp_path / "there", executor="ray")) == {"#": "failed"}


@pytest.mark.slow
@pytest.mark.usefixtures("environment")
def test_a_machine_that_is_lost_takes_no_agent_with_it(base: Path, tmp_path: Path):
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
