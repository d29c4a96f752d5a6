"""The versions of an agent over HTTP."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from intent_adapters import IntentModel
from tests.serving.conftest import Serve

ADMIN = "the-token-of-the-admin"
TEXTS = ["예약 취소", "how much"]


@pytest.fixture
def admin(serve: Serve, base: Path, adapters, agents: Path) -> TestClient:
    """A server with an agent that has two versions."""
    adapters[1][4].write(agents / "it")
    client = serve(admin_token=ADMIN, train_base=str(base))
    client.headers["Authorization"] = f"Bearer {ADMIN}"
    return client


def test_they_are_listed(admin: TestClient, adapters):
    versions = admin.get("/v1/agents/it/versions").json()["versions"]
    assert [(one["number"], one["in_use"], one["method"]) for one in versions] == [
        (1, False, "adapter"),
        (2, True, "adapter"),
    ]
    assert [one["version"] for one in versions] == [adapters[1][2].version, adapters[1][4].version]
    assert [one["threshold"] for one in versions] == [0.3, 0.3]


def test_each_answers_as_it_did_when_it_was_in_use(admin: TestClient, adapters, base: Path):
    before = admin.post("/v1/agents/it/predict", json={"texts": TEXTS}).json()
    for number, adapter in ((1, adapters[1][2]), (2, adapters[1][4])):
        model = IntentModel.from_pretrained(base, backend="onnx", threads=1)
        model.add_agent("it", adapter)
        body = {"texts": TEXTS, "top_k": 2, "threshold": 0.5}
        answers = admin.post(f"/v1/agents/it/versions/{number}/predict", json=body).json()["predictions"]
        assert answers == [answer.to_dict() for answer in model.predict(TEXTS, "it", top_k=2, threshold=0.5)]
        assert {answer["version"] for answer in answers} == {adapter.version}
    assert admin.post("/v1/agents/it/predict", json={"texts": TEXTS}).json() == before


@pytest.mark.parametrize("number", ["3", "0", "-1", "x", "1.0", "01"])
def test_versions_that_there_are_not(admin: TestClient, number: str):
    answer = admin.post(f"/v1/agents/it/versions/{number}/predict", json={"text": "a"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_version")


def test_agents_that_there_are_not(admin: TestClient):
    for method, path in (("GET", "versions"), ("POST", "versions/1/predict"), ("GET", "archive")):
        answer = admin.request(method, f"/v1/agents/nobody/{path}", json={"text": "a"} if method == "POST" else None)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_agent")


@pytest.mark.parametrize(
    ("body", "status"),
    [({"text": " "}, 422), ({"text": "a" * 10_001}, 422), ({"texts": ["a"] * 1025}, 413), ({}, 422)],
)
def test_limits_are_those_of_other_answers(admin: TestClient, body: dict, status: int):
    assert admin.post("/v1/agents/it/versions/1/predict", json=body).status_code == status
