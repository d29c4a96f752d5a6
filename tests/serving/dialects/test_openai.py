"""OpenAI's shapes, as its clients in Python and JavaScript write and read them."""

from __future__ import annotations

import base64
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from starlette.testclient import TestClient

from intent_adapters import IntentModel
from tests.serving.conftest import NAMES, Serve

TEXTS = ["예약 취소", "cancel my card", "how much?"]


def embed(client: TestClient, model: str, given: object, **more: object):
    return client.post("/v1/embeddings", json={"model": model, "input": given, **more})


@pytest.mark.parametrize("name", ["base", *NAMES])
def test_embeddings(client: TestClient, model: IntentModel, name: str):
    answer = embed(client, name, TEXTS)
    assert answer.status_code == 200
    found = answer.json()
    assert found.keys() == {"object", "data", "model", "usage"}
    assert (found["object"], found["model"]) == ("list", name)
    assert [(entry["object"], entry["index"]) for entry in found["data"]] == [("embedding", row) for row in range(3)]
    expected = model.encode(TEXTS, None if name == "base" else name)
    np.testing.assert_allclose([entry["embedding"] for entry in found["data"]], expected, atol=1e-5)
    tokens = sum(model.token_lengths(TEXTS))
    assert found["usage"] == {"prompt_tokens": tokens, "total_tokens": tokens}


def test_one_text_in_base64(client: TestClient, model: IntentModel):
    # What the clients of OpenAI ask for where nothing else is said.
    [entry] = embed(client, "it", TEXTS[0], encoding_format="base64", user="ada").json()["data"]
    vector = np.frombuffer(base64.b64decode(entry["embedding"]), dtype="<f4")
    np.testing.assert_allclose(vector, model.encode(TEXTS[0], "it"), atol=1e-5)


@pytest.mark.parametrize(
    ("body", "status", "code", "says"),
    [
        ({"model": "nobody", "input": "a"}, 404, "model_not_found", "nobody"),
        ({"model": "it", "input": ""}, 422, "empty_text", "empty"),
        ({"model": "it", "input": ["a", "b" * 10_001]}, 422, "text_too_long", "Text 1"),
        ({"model": "it", "input": []}, 422, "invalid_request", "input"),
        ({"model": "it", "input": [1, 2]}, 422, "invalid_request", "tokens are not taken"),
        ({"model": "it", "input": [[1, 2], [3]]}, 422, "invalid_request", "tokens are not taken"),
        ({"model": "it", "input": "a", "dimensions": 8}, 422, "invalid_request", "cannot be shortened"),
        ({"model": "it", "input": "a", "encoding_format": "int8"}, 422, "invalid_request", "encoding_format"),
        ({"input": "a"}, 422, "invalid_request", "model"),
    ],
)
def test_errors_are_openais(client: TestClient, body: object, status: int, code: str, says: str):
    answer = client.post("/v1/embeddings", json=body)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", None, code)
    assert says in error["message"]
    assert answer.headers["x-request-id"]


def test_models(client: TestClient):
    found = client.get("/v1/models").json()
    assert found["object"] == "list"
    assert [entry["id"] for entry in found["data"]] == ["base", *sorted(NAMES)]
    for entry in found["data"]:
        assert client.get(f"/v1/models/{quote(entry['id'])}").json() == entry
        assert entry.keys() == {"id", "object", "created", "owned_by"}
    assert client.get("/v1/models/nobody").json()["error"]["code"] == "model_not_found"


def test_embeddings_and_predictions_at_the_same_time(client: TestClient, model: IntentModel):
    from concurrent.futures import ThreadPoolExecutor

    def embedded(number: int) -> list[float]:
        return embed(client, NAMES[number % 3], TEXTS[number % 3]).json()["data"][0]["embedding"]

    def predicted(number: int) -> str:
        path = f"/v1/agents/{quote(NAMES[number % 3])}/predict"
        return client.post(path, json={"text": TEXTS[number % 3]}).json()["label"]

    with ThreadPoolExecutor(8) as threads:
        vectors, labels = threads.map(embedded, range(24)), threads.map(predicted, range(24))
    expected = model.encode(TEXTS, NAMES)
    np.testing.assert_allclose(list(vectors), [expected[number % 3] for number in range(24)], atol=1e-5)
    answers = [answer.label for answer in model.predict(TEXTS, NAMES)]
    assert list(labels) == [answers[number % 3] for number in range(24)]


def test_an_agent_whose_files_are_damaged(serve: Serve, agents: Path):
    (agents / "it" / "adapter_model.safetensors").write_bytes(b"no weights")
    answer = embed(serve(), "it", "a")
    assert (answer.status_code, answer.json()["error"]["type"]) == (503, "server_error")
    assert str(agents) not in answer.text
