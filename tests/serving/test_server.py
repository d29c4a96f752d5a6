"""Servers as processes of their own: from the command to the exit code."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from intent_adapters import IntentModel
from tests.serving.conftest import NAMES
from tests.support.http_churn import http_churn
from tests.support.http_servers import MAIN, PROGRAM, Burst, Running, start_server
from tests.support.http_terminations import AGENTS, terminations

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")

BODY = json.dumps({"rows": [{"text": "예약 취소", "agent": agent} for agent in NAMES]})

# As a server on a slow machine.
SLOW = f"""
import time
from intent_adapters import IntentModel
predict = IntentModel.predict
def slow(*arguments, **options):
    time.sleep(0.5)
    return predict(*arguments, **options)
IntentModel.predict = slow
{MAIN}"""

# Its processor is busy when the last look for connections finds none.
HESITANT = f"""
import socket, time
class Hesitant(socket.socket):
    def accept(self):
        try:
            return super().accept()
        except BlockingIOError:
            time.sleep(0.2)
            raise
socket.socket.dup = lambda self: Hesitant(fileno=socket.dup(self.fileno()))
{MAIN}"""

Start = Callable[..., Running]


@pytest.fixture
def start(base: Path, agents: Path, tmp_path: Path) -> Iterator[Start]:
    started: list[Running] = []

    def run(*options: str, **environment: Any) -> Running:
        started.append(start_server(tmp_path, agents, base, *options, **environment))
        return started[-1]

    yield run
    for running in started:
        if running.process.poll() is None:
            running.process.kill()
            running.process.wait()


def test_nothing_is_lost_when_it_ends(start: Start):
    running = start()
    running.wait_for("ready")
    burst = Burst(running, 16, NAMES)
    while burst.answered < 50:
        time.sleep(0.01)
    running.process.send_signal(signal.SIGTERM)
    time.sleep(0.05)
    status, _ = running.ask("GET", "/readyz")
    assert status == 503
    assert running.process.wait(30) == 0
    burst.join()
    assert (burst.lost, burst.wrong) == (0, [])
    assert running.wait_for("stopped")
    with pytest.raises(OSError):
        running.connect()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system has no means")
def test_nothing_is_lost_in_the_moment_of_closing(start: Start):
    running = start(program=HESITANT)
    running.wait_for("ready")
    asked: list[HTTPConnection] = []

    def ask() -> None:
        while True:
            try:
                asked.append(running.connect())
            except ConnectionRefusedError:
                return
            with suppress(OSError):
                asked[-1].request("GET", "/livez")
            time.sleep(0.005)

    asking = threading.Thread(target=ask)
    asking.start()
    assert running.stop() == 0
    asking.join(30)
    for connection in asked:
        with closing(connection):
            assert connection.getresponse().status == 200


@pytest.mark.parametrize("signals", [[signal.SIGINT] * 2, [signal.SIGTERM, signal.SIGTERM, signal.SIGINT]])
def test_who_cannot_wait_for_answers_ends_it_in_good_order(start: Start, signals: list[int]):
    running = start(program=SLOW)
    running.wait_for("ready")
    body = json.dumps({"texts": ["a"] * 1024})
    with ThreadPoolExecutor() as pool, closing(running.connect()) as slow:
        asked = [pool.submit(running.ask, "POST", "/v1/agents/it/predict", body) for _ in range(3)]
        slow.putrequest("POST", "/v1/agents/it/predict")
        slow.putheader("Content-Length", "1000")
        slow.endheaders(b"{")
        while b"intent_adapters_queue_rows 0.0" in running.ask("GET", "/metrics")[1]:
            time.sleep(0.01)
        began = time.monotonic()
        for number in signals:
            running.process.send_signal(number)
            time.sleep(0.3)
        assert running.process.wait(30) == 0
        assert time.monotonic() - began < 5
        for answer in asked:
            status, content = answer.result()
            assert (status, json.loads(content)["error"]["code"]) == (503, "stopping")


def test_it_answers_at_a_unix_socket_as_the_library_does(start: Start, model: IntentModel, tmp_path: Path):
    path = tmp_path / "s"
    # Such a socket is left by a server that was killed.
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    running = start("--unix-socket", str(path), "--no-access-log")
    running.wait_for("ready")
    status, content = running.ask("POST", "/v1/predict", BODY)
    assert status == 200
    expected = model.predict(["예약 취소"] * 3, list(NAMES))
    assert [row["version"] for row in json.loads(content)["predictions"]] == [answer.version for answer in expected]
    assert running.stop(signal.SIGINT) == 0
    assert not path.exists()


def test_a_worker_that_is_killed_comes_back(start: Start, agents: Path, adapters):
    running = start("--workers", "2")
    workers = {running.wait_for("ready")["pid"] for _ in range(2)}
    assert len(workers) == 2
    os.kill(min(workers), signal.SIGKILL)
    assert running.wait_for("worker died")["worker"] == min(workers)
    for _ in range(20):
        assert running.ask("POST", "/v1/predict", BODY)[0] == 200
    assert running.wait_for("ready")["pid"] not in workers
    figures = running.ask("GET", "/metrics")[1].decode()
    assert 'intent_adapters_request_seconds_count{route="/v1/predict",status="200"} 20.0' in figures
    new = adapters[1][4]
    new.write(agents / "it")  # all of them see it
    for _ in range(2):
        assert running.wait_for("agent replaced")["agent"] == "it"
    for _ in range(10):
        content = json.loads(running.ask("POST", "/v1/predict", BODY)[1])
        assert content["predictions"][2]["version"] == new.version
    assert running.stop() == 0


def test_workers_do_not_outlive_their_parent(start: Start):
    running = start("--workers", "2")
    for _ in range(2):
        running.wait_for("ready")
    running.process.kill()
    until = time.monotonic() + 20
    with pytest.raises(ConnectionRefusedError):
        while time.monotonic() < until:
            running.connect().close()
            time.sleep(0.05)


@pytest.mark.filterwarnings("ignore:.*former version")
def test_every_answer_is_of_one_version_while_agents_are_replaced(start: Start, base: Path, agents: Path, adapters):
    model = IntentModel.from_pretrained(base, backend="onnx", threads=1)
    texts = ["예약 취소", "cancel my card"]
    expected: dict[tuple[str, str], dict] = {}
    for number, adapter in enumerate(adapters[1]):
        model.add_agent(f"{number}", adapter)
        for text in texts:
            answer = model.predict(text, f"{number}").to_dict()
            expected[answer["version"], text] = answer
    running = start(INTENT_ADAPTERS_POLL_SECONDS="0.02", INTENT_ADAPTERS_MAX_ADAPTER_BYTES="30000")
    running.wait_for("ready")
    rows = [{"text": text, "agent": agent} for text in texts for agent in NAMES]
    versions: dict[str, set[str]] = {name: set() for name in NAMES}
    stop = threading.Event()
    wrong: list[object] = []

    def ask() -> None:
        with closing(running.connect()) as connection:
            while not stop.is_set():
                connection.request("POST", "/v1/predict", json.dumps({"rows": rows}))
                for row, found in zip(rows, json.load(connection.getresponse())["predictions"], strict=True):
                    wanted = expected[found["version"], row["text"]]
                    versions[row["agent"]].add(found["version"])
                    if (found["agent"], found["label"]) != (row["agent"], wanted["label"]) or (
                        abs(found["score"] - wanted["score"]) > 1e-4
                    ):
                        wrong.append(found)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(40):
        adapters[1][number % len(adapters[1])].write(agents / NAMES[number % 2], versions=0)
        time.sleep(0.04)
    stop.set()
    for thread in threads:
        thread.join(30)
    assert not wrong
    assert len(versions["it"]) == 1
    assert min(len(versions[name]) for name in NAMES[:2]) > 1
    assert running.stop() == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_server_that_cannot_start_says_why(start: Start, base: Path, workers: str):
    (base.parent / "broken").mkdir(exist_ok=True)
    running = start("--base", str(base.parent / "broken"), "--workers", workers)
    assert running.process.wait(60) == 1
    running.lines.put({"event": "end"})
    said = ""
    while (line := running.lines.get(timeout=10)["event"]) != "end":
        said += line
    assert "Error" in said


def test_a_server_whose_agents_cannot_answer_does_not_start(start: Start, agents: Path):
    for name in NAMES:
        (agents / name / "adapter_model.safetensors").write_bytes(b"no weights")
    running = start()
    assert running.process.wait(60) == 1
    with pytest.raises(AssertionError):
        running.wait_for("ready")


def test_a_port_that_is_taken(start: Start):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        command = [sys.executable, "-c", PROGRAM, "serve", ".", "--base", "b", "--port", str(taken.getsockname()[1])]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False, timeout=60)
    assert done.returncode == 1
    assert "cannot listen on 127.0.0.1" in done.stderr
    assert "Traceback" not in done.stderr


def test_nothing_is_lost_however_often_it_ends(base: Path, adapters, tmp_path: Path):
    for adapter, name in zip(adapters[1], AGENTS, strict=False):
        adapter.write(tmp_path / "few" / name)
    counts = terminations(tmp_path, base, tmp_path / "few", 2)
    assert counts["answered"] > 0
    assert (counts["lost"], counts["bad_exits"], counts["wrong"]) == (0, 0, [])


def test_agents_come_and_go_over_http_while_others_ask(tmp_path: Path):
    done = http_churn(tmp_path, 0.5, 4)
    assert not done.failures
    assert done.changes > 20 and done.answers > 200


def test_a_swap_reaches_all_processes_and_the_next_start(start: Start, agents: Path, adapters, tmp_path: Path):
    token = "the-token-of-the-admin"
    adapters[1][4].write(tmp_path / "store" / "new")
    given = {"INTENT_ADAPTERS_ADMIN_TOKEN": token, "INTENT_ADAPTERS_ADMIN_FOLDER": str(tmp_path / "store")}

    def agreed(running: Running) -> str:
        """Waits until all processes have the same agents; says in which generation."""
        until = time.monotonic() + 20
        while time.monotonic() < until:
            found = json.loads(running.ask("GET", "/admin/agents", token=token)[1])
            if found["agreed"]:
                return found["generation"]
            time.sleep(0.02)
        raise AssertionError(found)

    running = start("--workers", "2", INTENT_ADAPTERS_POLL_SECONDS="0.3", **given)
    for _ in range(2):
        running.wait_for("ready")
    before = agreed(running)
    changes = {"it": ("PUT", '{"folder": "new"}'), "clinic": ("DELETE", None), "clinic2": ("PUT", '{"folder": "new"}')}
    for name, (method, body) in changes.items():
        status, content = running.ask(method, f"/admin/agents/{name}", body, token)
        assert status == 200, content
    assert agreed(running) != before

    def check(running: Running) -> None:
        rows = [{"text": "a", "agent": name} for name in ("it", "clinic2", "clinic")]
        for _ in range(20):
            found = json.loads(running.ask("POST", "/v1/predict", json.dumps({"rows": rows}))[1])["predictions"]
            assert [row.get("version") for row in found] == [adapters[1][4].version] * 2 + [None]

    check(running)
    running.ask("POST", "/admin/drain", token=token)
    assert {running.ask("GET", "/readyz")[0] for _ in range(20)} == {503}
    running.ask("POST", "/admin/undrain", token=token)
    assert {running.ask("GET", "/readyz")[0] for _ in range(20)} == {200}
    assert running.stop() == 0
    running = start(**given)
    running.wait_for("ready")
    check(running)


@pytest.mark.slow
def test_any_process_answers_for_a_training_and_sigterm_ends_it(start: Start, base: Path, agents: Path):
    token = "the-token-of-the-admin"
    given = {"INTENT_ADAPTERS_ADMIN_TOKEN": token, "INTENT_ADAPTERS_TRAIN_BASE": str(base)}
    rows = [{"text": f"{word} {number}", "label": word} for word in ("예약", "취소") for number in range(4)]

    def submit(**settings: object) -> str:
        body = json.dumps({"agent": "new", "rows": rows, "settings": settings})
        status, content = running.ask("POST", "/v1/train", body, token)
        assert status == 202
        return json.loads(content)["job"]

    def until(job: str, *states: str) -> dict[str, Any]:
        end = time.monotonic() + 90
        while time.monotonic() < end:
            status, content = running.ask("GET", f"/v1/train/{job}", token=token)
            assert status == 200
            if (found := json.loads(content))["state"] in states:
                return found
            time.sleep(0.05)
        raise AssertionError(found)

    running = start("--workers", "2", program=MAIN, INTENT_ADAPTERS_POLL_SECONDS="0.2", **given)
    for _ in range(2):
        running.wait_for("ready")
    found = until(submit(method="probe"), "ready", "failed")
    assert found["state"] == "ready"
    for _ in range(2):
        assert running.wait_for("agent added")["agent"] == "new"
    for _ in range(10):
        content = running.ask("POST", "/v1/agents/new/predict", json.dumps({"text": "예약"}))[1]
        assert json.loads(content)["version"] == found["version"]
    job, waiting = submit(epochs=1000), submit(method="probe")
    while not until(job, "running")["progress"]:
        pass
    assert running.stop() == 0
    running = start(program=MAIN, **given)
    running.wait_for("ready")
    assert until(job, "failed", "ready")["error"]["code"] == "server_stopped"
    assert until(waiting, "ready", "failed")["state"] == "ready"
    assert running.stop() == 0
    assert [path.name for path in agents.glob(".*")] == [".intent-adapters"]
