"""Trainings over HTTP."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from intent_adapters.adapter_config.tagger import TaggerConfig
from intent_adapters.adapter_config.tensors import TAGGER
from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.errors import MissingExtraError
from intent_adapters.extras import is_installed
from intent_adapters.serving import trainer
from intent_adapters.serving.jobs import Jobs
from intent_adapters.serving.settings import Settings
from intent_adapters.training_process import process
from tests.serving.conftest import TEACHER, USER, Serve, write_tokens
from tests.support.processes import is_alive

ADMIN = "the-token-of-the-admin"
ROWS = [
    {"text": text, "label": label}
    for label, texts in {
        "예약": ["예약 해주세요", "예약 변경", "예약 가자", "book a visit"],
        "취소": ["취소 해주세요", "취소 바라", "cancel it", "예약 취소"],
        "price": ["얼마 주세요", "진료비 얼마", "how much is it", "the price"],
    }.items()
    for text in texts
]
SPEC = {"agent": "new one", "rows": ROWS, "settings": {"epochs": 3}}

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*former version"),
    pytest.mark.skipif(not is_installed("sentence_transformers"), reason="PyTorch is not installed"),
]


@pytest.fixture
def torch_base(base: Path) -> Path:
    return base


Teach = Callable[..., TestClient]


@pytest.fixture
def teach(serve: Serve, torch_base: Path, tmp_path: Path) -> Teach:
    """Starts a server that trains, but for who does the trainings."""
    file = write_tokens(tmp_path, "new one", "it")

    def start(**settings: object) -> TestClient:
        client = serve(admin_token=ADMIN, token_file=file, train_base=str(torch_base), **settings)
        client.headers["Authorization"] = f"Bearer {TEACHER}"
        return client

    return start


@pytest.fixture
def working() -> Iterator[Callable[[TestClient], None]]:
    """Begins to do the trainings of a server."""
    with ExitStack() as stack:
        yield lambda client: stack.enter_context(trainer.training(client.app.service.settings))


def submit(client: TestClient, **changes: object) -> str:
    answer = client.post("/v1/train", json=SPEC | changes)
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/v1/train/{answer.json()['job']}"
    return answer.json()["job"]


def state(client: TestClient, job: str) -> dict:
    return client.get(f"/v1/train/{job}").json()


def until(client: TestClient, job: str, *states: str, seconds: float = 90) -> dict:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = state(client, job)
        if found["state"] in states:
            return found
        time.sleep(0.05)
    raise AssertionError(found)


def events(client: TestClient, job: str, **headers: str) -> list[tuple[int, str, dict]]:
    """All events until the training is over."""
    found = []
    for block in client.get(f"/v1/train/{job}/events", headers=headers).text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
        if fields:
            found.append((int(fields["id"]), fields["event"], json.loads(fields["data"])))
    return found


def answer(client: TestClient, agent: str = "new one") -> dict:
    body = {"text": "예약 취소"}
    return client.post(f"/v1/agents/{agent}/predict", json=body, headers={"Authorization": f"Bearer {USER}"}).json()


def test_an_agent_is_trained_the_probe_first(teach: Teach, working, agents: Path):
    write_tagger(agents / "it")
    client = teach()
    job = submit(client)
    rows = [*ROWS, ROWS[0]]
    again, spoilt = submit(client, rows=rows), submit(client, rows=[*ROWS, {"text": " ", "label": "예약"}])
    probe = submit(client, agent="it", settings={"method": "probe"})
    fingerprint, client.app.service._model.fingerprint = client.app.service._model.fingerprint, "0" * 64
    other_base = submit(client)
    client.app.service._model.fingerprint = fingerprint
    assert [state(client, job)["state"] for job in (job, again)] == ["queued", "queued"]
    working(client)
    told = events(client, job)
    names = [name for _, name, _ in told]
    assert [number for number, _, _ in told] == list(range(len(told)))
    assert [name for name in names if name != "progress"] == ["queued", "started", "probe_ready", "ready"]
    assert "progress" in names[names.index("probe_ready") :]
    facts = {name: data for _, name, data in told}
    assert facts["probe_ready"]["method"] == "probe"
    assert facts["progress"]["step"] == facts["progress"]["steps"]
    found = state(client, job)
    assert (found["state"], found["error"], found["warnings"]) == ("ready", None, [])
    assert found["version"] == facts["ready"]["version"] == answer(client)["version"]
    assert found["version"] != facts["probe_ready"]["version"] or found["method"] == "probe"
    assert events(client, job, **{"Last-Event-ID": str(len(told) - 2)}) == told[-1:]
    # The next one is done by the same process, which is warm; an agent that there is stays until it is done.
    second = until(client, again, "ready", "failed")
    assert second["state"] == "ready"
    assert "probe_ready" not in [name for _, name, _ in events(client, again)]
    assert "rows[12] as rows[0]" in second["warnings"][0]
    failed = until(client, spoilt, "ready", "failed")
    assert failed["state"] == "failed"
    assert failed["error"]["code"] == "unusable_data"
    assert "rows[12]: the text is empty" in failed["error"]["message"]
    assert answer(client)["version"] == second["version"]
    third = until(client, probe, "ready", "failed")
    assert (third["state"], third["method"]) == ("ready", "probe")
    assert "the former 'it' had learned to mark city; the new one has not" in third["warnings"][0]
    mismatch = until(client, other_base, "ready", "failed")["error"]
    assert mismatch["code"] == "training_base"
    assert "fingerprints" in mismatch["message"]
    leave_no_words(agents)


def write_tagger(folder: Path) -> None:
    """Has an agent look for entities, as if it had learned to."""
    adapter = Adapter.read(folder)
    config = TaggerConfig(["city"], layer=1, width=adapter.config.embedding_dim or 1, hidden=2)
    tensors = {f"{TAGGER}.{name}": np.zeros(shape, np.float32) for name, shape in config.shapes().items()}
    adapter.with_tagger(config, {**adapter.arrays, **tensors}).write(folder)


def leave_no_words(agents: Path) -> None:
    """Nothing of what was sent is kept, and nothing half done lies about."""
    assert not list((agents / ".intent-adapters").rglob("request.json"))
    assert not list((agents / ".intent-adapters").rglob("*.safetensors"))
    assert [path.name for path in agents.glob(".*")] == [".intent-adapters"]


@pytest.fixture
def idle_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """In the place of the process that trains, one that says that it has begun, and then nothing."""
    program = tmp_path / "idle_process.py"
    program.write_text(
        "import os, sys, json\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\n"
        "for line in sys.stdin:\n"
        "    print(json.dumps({'event': 'progress', 'doing': 'training', 'step': 1, 'steps': 9}), flush=True)\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(process, "PROGRAM", "idle_process")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    return tmp_path / "pid"


def started(client: TestClient, job: str) -> None:
    while not state(client, job)["progress"]:
        time.sleep(0.02)


def test_a_training_is_cancelled(teach: Teach, working, idle_process: Path, agents: Path):
    client = teach()
    job, waiting = submit(client), submit(client)
    working(client)
    started(client, job)
    assert state(client, job)["state"] == "running"
    assert state(client, job)["progress"] == {"doing": "training", "step": 1, "steps": 9}
    for number in (waiting, job):
        assert client.delete(f"/v1/train/{number}").status_code == 202
    for number in (waiting, job):
        assert until(client, number, "cancelled")["finished"]
    assert client.delete(f"/v1/train/{job}").status_code == 202  # it stays as it is
    assert state(client, job)["state"] == "cancelled"
    leave_no_words(agents)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
def test_a_training_whose_process_is_killed_fails_and_the_next_one_is_done(
    teach: Teach, working, idle_process: Path, agents: Path
):
    client = teach()
    job, second = submit(client), submit(client)
    working(client)
    started(client, job)
    pid = int(idle_process.read_text(encoding="utf-8"))
    os.kill(pid, signal.SIGKILL)
    found = until(client, job, "failed")
    assert found["error"]["code"] == "training_process_died"
    assert "signal 9" in found["error"]["message"]
    started(client, second)
    assert int(idle_process.read_text(encoding="utf-8")) != pid


def test_a_training_that_takes_too_long(teach: Teach, working, idle_process: Path):
    client = teach(train_seconds=0.5)
    job = submit(client)
    working(client)
    assert until(client, job, "failed")["error"]["code"] == "too_slow"


def test_the_end_of_the_server_ends_a_training_and_those_that_wait_go_on_with_the_next(
    teach: Teach, idle_process: Path, agents: Path
):
    client = teach()
    job, waiting = submit(client), submit(client)
    with trainer.training(client.app.service.settings):
        started(client, job)
        pid = int(idle_process.read_text(encoding="utf-8"))
        with trainer.training(client.app.service.settings):  # of another server; one of them does it
            time.sleep(0.3)
    assert state(client, job)["error"]["code"] == "server_stopped"
    assert state(client, waiting)["state"] == "queued"
    if sys.platform != "win32":
        assert not is_alive(pid)
    jobs = Jobs(agents / ".intent-adapters" / "jobs")
    jobs.note(waiting, "started")  # as a server that was killed leaves it
    third = submit(client)
    with trainer.training(client.app.service.settings):
        assert until(client, waiting, "failed")["error"]["code"] == "server_stopped"
        started(client, third)


def test_so_many_wait_and_no_more(teach: Teach):
    client = teach(train_queue=2)
    jobs = [submit(client) for _ in range(2)]
    answer = client.post("/v1/train", json=SPEC)
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "too_many_trainings")
    assert answer.headers["retry-after"]
    Jobs(client.app.service.settings.agents / ".intent-adapters" / "jobs").note(jobs[0], "cancelled")
    submit(client)


def test_who_may_train_what(teach: Teach):
    client = teach()
    for token, agent, status in (
        (TEACHER, "new one", 202),
        (TEACHER, "it", 202),
        (TEACHER, "clinic", 404),
        (ADMIN, "clinic", 202),
        (USER, "it", 403),
        ("nobody's token", "it", 401),
    ):
        answer = client.post("/v1/train", json=SPEC | {"agent": agent}, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == status
        if agent == "clinic" and status == 202:
            path = f"/v1/train/{answer.json()['job']}"
    for method, place in (("GET", path), ("DELETE", path), ("GET", f"{path}/events")):
        assert client.request(method, place).json()["error"]["code"] == "unknown_job"
        assert client.request(method, place, headers={"Authorization": f"Bearer {USER}"}).status_code == 403


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"rows": []}, 422),
        ({"rows": [{"text": "a"}]}, 422),
        ({"rows": [{"text": 1, "label": "a"}]}, 422),
        ({"rows": ROWS * 10}, 413),
        ({"agent": "../it"}, 422),
        ({"agent": "\0"}, 422),
        ({"settings": {"method": "full"}}, 422),
        ({"settings": {"config": {}}}, 422),
        ({"more": 1}, 422),
    ],
)
def test_what_cannot_be_trained_is_refused_at_once(teach: Teach, changes: dict, status: int):
    client = teach(train_max_rows=100)
    answer = client.post("/v1/train", json=SPEC | changes, headers={"Authorization": f"Bearer {ADMIN}"})
    assert answer.status_code == status


@pytest.mark.slow
def test_a_process_that_is_kept_ready_trains_as_any_other(teach: Teach, working):
    client = teach(train_warm=True)
    working(client)
    jobs = [submit(client), submit(client, agent="it")]
    for job in jobs:
        assert until(client, job, "ready", "failed")["state"] == "ready"


@pytest.mark.slow
def test_a_base_that_cannot_be_kept_ready_is_said_by_each_job(teach: Teach, working, torch_base: Path):
    (torch_base / "model.safetensors").rename(torch_base / "elsewhere")
    try:
        client = teach(train_warm=True)
        working(client)
        jobs = [submit(client), submit(client, agent="it")]
        for job in jobs:
            found = until(client, job, "ready", "failed")
            assert (found["state"], found["error"]["code"]) == ("failed", "training_base")
    finally:
        (torch_base / "elsewhere").rename(torch_base / "model.safetensors")


@pytest.mark.parametrize("job", ["nothing", "0" * 24, "..", "%2e%2e", "%00", "0" * 23 + "/", "0" * 5000])
def test_trainings_that_there_are_not(teach: Teach, job: str):
    client = teach()
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/events")):
        assert client.request(method, f"/v1/train/{job}{path}").status_code in (404, 405)


def test_a_server_without_a_base_to_train_on(serve: Serve):
    client = serve(admin_token=ADMIN)
    answer = client.post("/v1/train", json=SPEC, headers={"Authorization": f"Bearer {ADMIN}"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (501, "no_training")
    assert client.post("/v1/train", json=SPEC).status_code == 401
    assert "/v1/train" not in client.get("/openapi.json").json()["paths"]


def test_what_is_not_installed_is_said_at_the_start(agents: Path, monkeypatch: pytest.MonkeyPatch, torch_base: Path):
    settings = Settings(agents=agents, base="b", train_base=str(torch_base))
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtraError, match=r"intent-adapters\[train\]"), trainer.training(settings):
        pass


def test_what_is_over_is_forgotten_in_the_end(agents: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("intent_adapters.serving.jobs.REMEMBERED", 2)
    jobs = Jobs(agents / "jobs")
    known = []
    for _ in range(5):
        known.append(jobs.submit({"agent": "it"}, 1))
        jobs.note(known[-1], "cancelled")
    assert list(jobs.all()) == known[-3:]


def test_a_line_that_is_not_whole_is_passed_over(agents: Path):
    jobs = Jobs(agents / "jobs")
    job = jobs.submit({"agent": "예약"}, 1)
    with (jobs.folder / job / "events.jsonl").open("ab") as file:
        file.write(b'{"event": "rea')
    assert [event["event"] for event in jobs.events(job)] == ["queued"]
    assert jobs.events(job)[0]["agent"] == "예약"
