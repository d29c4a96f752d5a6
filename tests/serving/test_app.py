"""What every request has: limits, an id, a line in the log, figures."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.testclient import TestClient

from intent_adapters.errors import RequestError
from intent_adapters.serving.service import Service
from tests.serving.conftest import Serve

PATH = "/v1/agents/it/predict"


def service(client: TestClient) -> Service:
    return client.app.service


def chunks(count: int, seconds: float = 0) -> Iterator[bytes]:
    for _ in range(count):
        yield b" " * 1000
        time.sleep(seconds)


def test_a_body_is_counted_as_it_comes(serve: Serve):
    client = serve(max_body_bytes=5000)
    for body in (b" " * 5001, chunks(6), chunks(500)):
        answer = client.post(PATH, content=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")
        assert answer.headers["connection"] == "close"
    assert client.post(PATH, content=b'{"text": "a"}'.ljust(5000)).status_code == 200


def test_limits_of_rows_and_characters(serve: Serve):
    client = serve(max_rows=3, max_characters=5)
    assert client.post(PATH, json={"texts": ["a"] * 3}).status_code == 200
    answer = client.post(PATH, json={"texts": ["a"] * 4})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_many_rows")
    answer = client.post("/v1/predict", json={"rows": [{"text": "a", "agent": f"{n}"} for n in range(10_000)]})
    assert answer.status_code == 413
    answer = client.post(PATH, json={"text": "abcdef"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "text_too_long")


def test_a_body_that_is_compressed(client: TestClient):
    answer = client.post(PATH, content=b"x", headers={"content-encoding": "gzip"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_encoding")


def test_a_body_that_comes_slowly(serve: Serve):
    client = serve(body_seconds=0.05)

    async def receive() -> dict:
        await asyncio.sleep(0.03)
        return {"type": "http.request", "body": b" ", "more_body": True}

    sent: list[dict] = []

    async def send(message: dict) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": PATH, "headers": [], "query_string": b"", "state": {}}
    asyncio.run(client.app(scope, receive, send))
    assert sent[0]["status"] == 408
    assert json.loads(sent[1]["body"])["error"]["code"] == "body_too_slow"


def test_when_too_much_waits_requests_are_turned_down_before_their_bodies_are_read(serve: Serve):
    client = serve(max_wait_ms=1)
    with service(client)._admission.entering():
        service(client)._admission.measured(10_000, 10_000)
        answer = client.post(PATH, content=b"never read")
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "overloaded")
    assert int(answer.headers["retry-after"]) >= 1
    assert client.get("/livez").status_code == client.get("/readyz").status_code == 200


def test_what_takes_too_long_is_given_up(serve: Serve, monkeypatch: pytest.MonkeyPatch):
    client = serve(timeout_ms=50)
    predict = service(client)._model.predict

    def slow(*arguments: object, **options: object) -> object:
        time.sleep(0.2)
        return predict(*arguments, **options)

    monkeypatch.setattr(service(client)._model, "predict", slow)
    answer = client.post(PATH, json={"text": "a"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "timeout")
    assert "fewer" not in answer.json()["error"]["message"]
    answer = client.post(PATH, json={"texts": ["a", "b"]})
    assert answer.status_code == 504
    assert "send fewer texts" in answer.json()["error"]["message"]


def test_a_long_request_shuts_out_no_other(serve: Serve, monkeypatch: pytest.MonkeyPatch):
    client = serve()
    client.post(PATH, json={"text": "a"})
    predict = service(client)._model.predict
    begun = threading.Event()

    def slow(texts: list[str], *arguments: object, **options: object) -> object:
        begun.set()
        time.sleep(0.00004 * sum(32 + len(text) for text in texts))
        return predict(texts, *arguments, **options)

    monkeypatch.setattr(service(client)._model, "predict", slow)
    service(client)._admission.measured(100_000, 4.0)
    with ThreadPoolExecutor() as pool:
        long = pool.submit(client.post, PATH, json={"texts": ["x" * 500] * 96})
        assert begun.wait(10)
        for agent in ("clinic", "it"):
            assert client.post(f"/v1/agents/{agent}/predict", json={"text": "a"}).status_code == 200
        assert not long.done()
        assert long.result().status_code == 200


def test_a_request_that_cannot_be_answered_in_time_is_refused_at_once(serve: Serve):
    client = serve(timeout_ms=1000)
    service(client)._admission.measured(100_000, 100.0)
    assert client.post(PATH, json={"texts": ["a"] * 20}).status_code == 200
    answer = client.post(PATH, json={"texts": ["a" * 400] * 20})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_many_rows")
    assert "20 texts" in answer.json()["error"]["message"] and "send fewer" in answer.json()["error"]["message"]


def test_what_fails_says_so_and_no_more(client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog):
    def fail(*_: object, **__: object) -> object:
        raise ValueError("a secret of the house")

    monkeypatch.setattr(service(client)._model, "predict", fail)
    answer = client.post(PATH, json={"text": "a"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal_error")
    assert "secret" not in answer.text
    assert "a secret of the house" in caplog.text
    monkeypatch.undo()
    assert client.post(PATH, json={"text": "a"}).status_code == 200
    monkeypatch.setattr(service(client).agents, "prepare", fail)
    answer = client.post(PATH, json={"text": "a"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal_error")
    assert "secret" not in answer.text


def test_a_client_that_leaves_is_noted_and_its_rows_are_dropped(client: TestClient, capfd: pytest.CaptureFixture[str]):
    app, messages = (
        client.app,
        [
            {"type": "http.request", "body": b'{"text": "a"}', "more_body": False},
            {"type": "http.disconnect"},
        ],
    )
    batcher = service(client)._batcher
    waiting: list[asyncio.Future] = []

    def submit(rows: object) -> asyncio.Future:
        waiting.append(asyncio.get_running_loop().create_future())
        return waiting[-1]

    async def receive() -> dict:
        return messages.pop(0)

    async def send(message: dict) -> None:
        raise AssertionError("nobody is there")

    scope = {"type": "http", "method": "POST", "path": PATH, "headers": [], "query_string": b"", "state": {}}
    batcher.submit = submit
    asyncio.run(app(scope, receive, send))
    assert waiting[0].cancelled()
    assert log_lines(capfd, 1)[-1]["status"] == 499


def log_lines(capfd: pytest.CaptureFixture[str], count: int) -> list[dict]:
    """So many lines about requests; the last may be written after the response."""
    found: list[dict] = []
    for _ in range(500):
        lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]
        found += [line for line in lines if line["event"] == "request"]
        if len(found) >= count:
            break
        time.sleep(0.01)
    return found


@pytest.mark.parametrize("given", ["abc-123", "a" * 128, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"])
def test_a_request_keeps_its_id(client: TestClient, given: str):
    for path in ("/livez", "/nowhere"):
        assert client.get(path, headers={"x-request-id": given}).headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "a b", "a" * 129, '"', "é"])
def test_a_request_without_a_good_id_gets_one(client: TestClient, given: str):
    headers = {"x-request-id": given.encode("latin-1")}
    ids = [client.get("/nowhere", headers=headers).headers["x-request-id"] for _ in range(2)]
    assert len({*ids, given}) == 3


def test_ids_do_not_tell_how_many_requests_there_were(client: TestClient):
    ids = [client.get("/livez").headers["x-request-id"] for _ in range(50)]
    steps = {int(later, 16) - int(earlier, 16) for earlier, later in itertools.pairwise(ids)}
    assert len(steps) == 49
    assert all(len({places[number] for places in ids}) > 1 for number in range(len(ids[0])))


def test_errors_have_one_shape(client: TestClient):
    for answer, status, code in (
        (client.get("/nowhere"), 404, "not_found"),
        (client.get("/v1/agents/"), 404, "not_found"),
        (client.delete("/v1/agents"), 405, "method_not_allowed"),
        (client.get("/v1/predict"), 405, "method_not_allowed"),
        (client.post("/v1/predict", content=b"x"), 400, "invalid_json"),
    ):
        assert answer.status_code == status
        error = answer.json()["error"]
        assert error.keys() == {"code", "message", "request_id"}
        assert (error["code"], error["request_id"]) == (code, answer.headers["x-request-id"])


def test_a_line_for_each_request_without_what_users_said(client: TestClient, capfd: pytest.CaptureFixture[str]):
    rows = [{"text": "my private words", "agent": agent} for agent in ("it", "it", "clinic")]
    client.post("/v1/predict", json={"rows": rows}, headers={"x-request-id": "mine"})
    client.get("/nowhere")
    known, unknown = log_lines(capfd, 2)
    assert known.pop("ms") > 0
    assert {**known, "time": 0, "pid": 0} == {
        "time": 0,
        "level": "info",
        "event": "request",
        "pid": 0,
        "request_id": "mine",
        "method": "POST",
        "route": "/v1/predict",
        "status": 200,
        "agents": 2,
        "rows": 3,
    }
    assert (unknown["route"], unknown["status"]) == ("", 404)


def test_texts_are_logged_where_that_is_wanted(serve: Serve, capfd: pytest.CaptureFixture[str]):
    serve(access_log=False).post(PATH, json={"text": "silent"})
    serve(log_texts=True).post(PATH, json={"text": "예약"})
    [line] = log_lines(capfd, 1)
    assert line["texts"] == ["예약"]


def test_health_needs_no_token_and_says_when_it_is_over(serve: Serve):
    client = serve(token="a-token-for-all-agents")
    assert client.get("/livez").json() == client.get("/readyz").json() == {"ok": True}
    service(client).stopping = True
    assert client.get("/livez").status_code == 200
    answer = client.get("/readyz")
    assert (answer.status_code, answer.headers["connection"]) == (503, "close")


def test_figures(client: TestClient):
    client.post(PATH, json={"texts": ["a"] * 5})
    client.post(PATH, json={"text": ""})
    client.get("/v1/agents/nobody")
    text = client.get("/metrics").text
    for line in (
        'intent_adapters_request_seconds_count{route="/v1/agents/{agent}/predict",status="200"} 1.0',
        "intent_adapters_batch_rows_sum 5.0",
        "intent_adapters_queue_seconds_count 1.0",
        "intent_adapters_queue_rows 0.0",
        "intent_adapters_agents 3.0",
        "intent_adapters_agents_resident 1.0",
        "intent_adapters_store_misses_total 1.0",
        'intent_adapters_rejected_total{code="unknown_agent"} 1.0',
    ):
        assert line in text.splitlines()
    assert "clinic" not in text


def test_errors_can_be_sent_between_processes():
    import pickle

    error = pickle.loads(pickle.dumps(RequestError(429, "overloaded", "Wait.", {"Retry-After": "1"})))
    assert (error.status, error.code, str(error), error.headers) == (429, "overloaded", "Wait.", {"Retry-After": "1"})
