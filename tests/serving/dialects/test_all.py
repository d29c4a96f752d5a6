"""What holds in every dialect."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from intent_adapters.serving.dialects import DIALECTS as ALL_DIALECTS
from tests.serving.conftest import NAMES, Serve

TOKEN = "for-one-agent-01234"
Body = Callable[[str], dict]


def tensor(text: str) -> dict:
    return {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": [text]}]}


REQUESTS: dict[str, tuple[str, Body]] = {
    "native": ("/v1/agents/{}/predict", lambda text: {"text": text}),
    "rasa": ("/rasa/{}/model/parse", lambda text: {"text": text}),
    "hugging_face": ("/hf/{}", lambda text: {"inputs": text}),
    "kserve": ("/v2/models/{}/infer", tensor),
    "openai": ("/v1/embeddings", lambda text: {"model": "it", "input": text}),
}
LISTINGS = ("/v1/models", "/v1/agents")
PER_AGENT = ("/v1/models/{}", "/v2/models/{}", "/v2/models/{}/ready", "/rasa/{}/status", "/v1/agents/{}")
DIALECTS = pytest.mark.parametrize(("path", "body"), REQUESTS.values(), ids=REQUESTS)

OPERATIONS = [operation for dialect in ALL_DIALECTS for operation in dialect.operations]

ODD = (
    "\0",
    "🙂👩\u200d👩\u200d👧" * 20,
    "\u202eمرحبا\u202c",
    "שלום",
    "\ufeff",
    "\u0301" * 50,
    "가" * 9999,
    "x" * 10_000,
    "x" * 10_001,
)
texts = st.text(max_size=200) | st.sampled_from(ODD)


@DIALECTS
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=texts)
def test_any_text_has_an_answer_or_a_clear_error(client: TestClient, path: str, body: Body, text: str):
    answer = client.post(path.format("it"), json=body(text))
    empty, long = not text.strip(), len(text) > 10_000
    assert answer.status_code == (422 if empty or long else 200)
    if empty or long:
        assert ("The text is empty." if empty else "characters, more than 10000") in answer.text


FIELDS = (
    "inputs",
    "text",
    "input",
    "model",
    "parameters",
    "outputs",
    "top_k",
    "shape",
    "data",
    "name",
    "datatype",
    "id",
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["a", "it", "BYTES", "label", "\ud800"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4),
    max_leaves=8,
)


@DIALECTS
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=values, replaced=st.integers(0, 3))
def test_any_json_has_an_answer_or_a_clear_error(client: TestClient, path: str, body: Body, value, replaced: int):
    right = body("a")
    inner = right.get("inputs")
    place = inner[0] if replaced > 1 and isinstance(inner, list) else right
    wrong = place | {sorted(place)[replaced % len(place)]: value}
    sent = {"inputs": [wrong]} if place is not right else wrong if replaced else value
    answer = client.post(path.format("it"), content=json.dumps(sent).encode())
    assert answer.status_code in (200, 400, 404, 422)
    assert answer.json()


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_answers_and_errors_are_what_the_document_says(client: TestClient, operation):
    body = dict(REQUESTS.values()).get(operation.path.replace("{agent}", "{}"), lambda text: None)("a")
    answer = client.request(operation.method, operation.path.format(agent="it"), json=body)
    assert answer.status_code == 200
    for model in operation.answers:
        said = model.model_validate_json(answer.content).model_dump(mode="json", exclude_unset=True)
        assert said == answer.json()
    wrong = client.request("DELETE", operation.path.format(agent="it"))
    assert wrong.status_code == 405
    said = operation.error.model_validate_json(wrong.content).model_dump(mode="json", exclude_unset=True)
    assert said == wrong.json()


@DIALECTS
@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b'{"text": "\xff"}', 400),
        (b"[" * 100_000, 400),
        (b"[]", 422),
        (b"null", 422),
        (b"{}", 422),
    ],
)
def test_bodies_that_are_not_right(client: TestClient, path: str, body: Body, content: bytes, status: int):
    answer = client.post(path.format("it"), content=content)
    assert answer.status_code == status
    assert "invalid_" in answer.text or answer.json().keys() == {"error"}


def test_a_request_that_fails_as_a_whole_costs_no_pass(client: TestClient):
    assert client.post("/hf/it", json={"inputs": ["a"] * 64 + [" "]}).status_code == 422
    assert client.post("/v1/embeddings", json={"model": "it", "input": ["a", ""]}).status_code == 422
    assert "intent_adapters_batch_rows_count 0.0" in client.get("/metrics").text


@DIALECTS
def test_limits_are_those_of_the_server(serve: Serve, path: str, body: Body):
    client = serve(max_body_bytes=200, max_characters=5)
    assert client.post(path.format("it"), json=body("x" * 6)).status_code == 422
    assert client.post(path.format("it"), json=body("x" * 300)).status_code == 413


@DIALECTS
def test_too_much_work_is_turned_down(client: TestClient, monkeypatch, path: str, body: Body):
    monkeypatch.setattr("intent_adapters.serving.batching.Batcher.work", 10**9)
    monkeypatch.setattr("intent_adapters.serving.batching.Batcher.work_before", lambda *_: 10**9)
    answer = client.post(path.format("it"), json=body("a"))
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 1


def test_a_token_for_one_agent_sees_no_other_anywhere(serve: Serve, tmp_path: Path):
    file = tmp_path / "tokens.toml"
    file.write_text(f'[[tokens]]\ntoken = "{TOKEN}"\nagents = ["it"]\n', encoding="utf-8")
    client = serve(token_file=file)
    own = {"authorization": f"Bearer {TOKEN}"}
    for path in LISTINGS:
        assert client.get(path).status_code == 401
        said = client.get(path, headers=own).text
        assert '"it"' in said
        assert not [name for name in NAMES if name != "it" and name in said]
    for path in PER_AGENT:
        assert client.get(path.format("it")).status_code == 401
        assert client.get(path.format("it"), headers=own).status_code == 200
        forbidden, missing = (client.get(path.format(name), headers=own) for name in ("clinic", "gone"))
        assert forbidden.status_code == missing.status_code == 404
        assert forbidden.text.replace("clinic", "gone").split("request_id")[0] == missing.text.split("request_id")[0]
    for path, body in REQUESTS.values():
        assert client.post(path.format("it"), json=body("a")).status_code == 401
        assert client.post(path.format("it"), json=body("a"), headers=own).status_code == 200
    for path, body in list(REQUESTS.values())[:-1]:
        assert client.post(path.format("clinic"), json=body("a"), headers=own).status_code == 404
    forbidden = client.post("/v1/embeddings", json={"model": "clinic", "input": "a"}, headers=own)
    assert forbidden.status_code == 404
