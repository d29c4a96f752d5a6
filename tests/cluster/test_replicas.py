"""Replicas on a real Ray of this machine: they answer, are replaced when they die or hang, and end in good order."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from intent_adapters.cluster import ClusterClient
from intent_adapters.errors import ConfigError, IntentAdaptersError
from intent_adapters.loading import load_onnx_base
from intent_adapters.runtime.onnx.export import export_folder
from intent_adapters.serving import Settings
from tests.support.adapters import random_adapter
from tests.support.http_servers import MAIN
from tests.support.tiny_files import write_tiny_base

ray = pytest.importorskip("ray", reason="needs pip install 'intent-adapters[ray]'")
Cluster = pytest.importorskip("ray.cluster_utils").Cluster
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::FutureWarning")]

AGENTS = [f"agent {number}" for number in range(8)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a base in `onnx` and agents in `agents`."""
    folder = tmp_path_factory.mktemp("replicas")
    export_folder(write_tiny_base(folder / "onnx"), None, precision="float32")
    base = load_onnx_base(folder / "onnx")
    for seed, name in enumerate(AGENTS):
        random_adapter(base, labels=4, seed=seed, threshold=0.3).write(folder / "agents" / name)
    return folder


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Two logical nodes with two CPUs each."""
    started = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
    started.add_node(num_cpus=2)
    ray.init(started.address, log_to_driver=False)
    yield started
    ray.shutdown()
    started.shutdown()


def settings_of(folder: Path, **others: object) -> Settings:
    chosen = {"port": 0, "access_log": False, "drain_seconds": 0.5, **others}
    return Settings(agents=folder / "agents", base=str(folder / "onnx"), **chosen)


@contextmanager
def watched(folder: Path, file: Path, count: int = 2) -> Iterator[object]:
    """Replicas that are looked after while the block runs."""
    from intent_adapters.cluster import Replicas

    with Replicas(settings_of(folder), replicas=count, file=file) as replicas:
        replicas.wait_until_ready(90)
        over = threading.Event()
        thread = threading.Thread(target=lambda: [replicas.look(0.2) for _ in iter(over.is_set, True)])
        thread.start()
        try:
            yield replicas
        finally:
            over.set()
            thread.join()


def wait_until(true: Callable[[], bool], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_replicas_on_two_nodes_answer_and_one_that_is_killed_is_replaced_unseen(folder, cluster, tmp_path):
    file = tmp_path / "replicas.json"
    wrong: list[object] = []
    over = threading.Event()
    with watched(folder, file) as replicas:
        entries = json.loads(file.read_text(encoding="utf-8"))["replicas"]
        assert [entry.keys() for entry in entries] == [{"address", "node", "pid"}] * 2
        assert len({entry["address"] for entry in entries}) == 2
        with ClusterClient(file, refresh_seconds=0.5) as client:
            first = [(answer.agent, answer.label) for answer in client.predict(["예약 취소"] * 8, AGENTS)]
            assert [agent for agent, _ in first] == AGENTS

            def ask(number: int) -> None:
                while not over.is_set():
                    try:
                        answer = client.predict("예약 취소", AGENTS[number])
                        if (answer.agent, answer.label) != first[number]:
                            wrong.append(answer)
                    except Exception as error:
                        wrong.append(error)

            threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
            for thread in threads:
                thread.start()
            killed = replicas.places[0]
            os.kill(killed.pid, signal.SIGKILL)
            wait_until(lambda: killed not in replicas.places)
            wait_until(lambda: len(replicas.places) == 2)
            time.sleep(1)
            over.set()
            for thread in threads:
                thread.join()
    assert not wrong
    assert json.loads(file.read_text(encoding="utf-8")) == {"replicas": []}


def test_the_replicas_of_a_node_that_goes_are_started_on_another(folder, cluster, tmp_path):
    with watched(folder, tmp_path / "replicas.json") as replicas:
        before = set(replicas.places)
        third = cluster.add_node(num_cpus=2)
        cluster.remove_node(cluster.worker_nodes.copy().difference({third}).pop(), allow_graceful=False)
        wait_until(lambda: set(replicas.places) != before and len(replicas.places) == 2, 90)
        assert before & set(replicas.places)  # that of the other node stayed


def test_one_that_hangs_is_replaced(folder, cluster, tmp_path, monkeypatch):
    monkeypatch.setattr("intent_adapters.cluster.replicas.HUNG_SECONDS", 1.0)
    with watched(folder, tmp_path / "replicas.json", 1) as replicas:
        [hung] = replicas.places
        os.kill(hung.pid, signal.SIGSTOP)
        wait_until(lambda: bool(replicas.places) and hung not in replicas.places)


def test_ports_are_taken_one_after_the_other(folder, cluster, tmp_path):
    from intent_adapters.cluster import Replicas

    with Replicas(settings_of(folder, port=18_230), replicas=2) as replicas:
        replicas.wait_until_ready(90)
        assert {place.address for place in replicas.places} == {"http://127.0.0.1:18230", "http://127.0.0.1:18231"}


def test_a_server_that_cannot_start_says_why(folder, cluster):
    from intent_adapters.cluster import Replicas

    settings = settings_of(folder).model_copy(update={"base": str(folder / "nowhere")})
    with Replicas(settings, replicas=1) as replicas, pytest.raises(IntentAdaptersError, match="nowhere"):
        replicas.wait_until_ready(90)


def test_the_command_serves_until_it_is_told_to_end(folder, tmp_path):
    program, file = tmp_path / "program.py", tmp_path / "replicas.json"
    program.write_text(MAIN, encoding="utf-8")
    command = [sys.executable, str(program), "serve-cluster", str(folder / "agents"), "--base", str(folder / "onnx")]
    command += ["--address", "local", "--port", "0", "--replicas", "1", "--replicas-file", str(file)]
    process = subprocess.Popen(command, env={**os.environ, "HF_HUB_OFFLINE": "1"})

    def is_ready() -> bool:
        assert process.poll() is None
        return file.exists() and bool(json.loads(file.read_text(encoding="utf-8"))["replicas"])

    try:
        wait_until(is_ready, 120)
        with ClusterClient(file) as client:
            assert client.predict("예약 취소", AGENTS[3]).agent == AGENTS[3]
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
    assert json.loads(file.read_text(encoding="utf-8")) == {"replicas": []}


@pytest.mark.parametrize("others", [{"workers": 2}, {"unix_socket": "socket"}])
def test_settings_of_one_machine_are_refused(folder, cluster, others):
    from intent_adapters.cluster import Replicas

    with pytest.raises(ConfigError, match="one machine"):
        Replicas(settings_of(folder, **others), replicas=1)
