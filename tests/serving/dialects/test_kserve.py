"""KServe V2, as the clients of KServe, MLServer and Triton write and read its JSON."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from intent_adapters import IntentModel, __version__

TEXTS = ["예약 취소", "cancel my card", "how much?"]


def tensor(texts: list, shape: list[int] | None = None, **more: object) -> dict:
    return {"name": "text", "shape": shape or [len(texts)], "datatype": "BYTES", "data": texts, **more}


def infer(client: TestClient, body: object, agent: str = "it", **headers: str):
    return client.post(f"/v2/models/{quote(agent)}/infer", json=body, headers=headers)


def outputs(answer) -> dict[str, list]:
    return {output["name"]: output["data"] for output in answer.json()["outputs"]}


def test_texts_are_answered(client: TestClient, model: IntentModel):
    answer = infer(client, {"id": "42", "inputs": [tensor(TEXTS)]}, "예약 상담")
    assert answer.status_code == 200
    found, expected = answer.json(), model.predict(TEXTS, "예약 상담")
    assert {name: found[name] for name in ("model_name", "model_version", "id")} == {
        "model_name": "예약 상담",
        "model_version": expected[0].version,
        "id": "42",
    }
    assert [(output["name"], output["datatype"], output["shape"]) for output in found["outputs"]] == [
        ("label", "BYTES", [3]),
        ("score", "FP32", [3]),
        ("in_scope", "BOOL", [3]),
        ("scope_score", "FP32", [3]),
        ("top_k_label", "BYTES", [3, 3]),
        ("top_k_score", "FP32", [3, 3]),
    ]
    data = outputs(answer)
    assert data["label"] == [prediction.label for prediction in expected]
    assert data["in_scope"] == [prediction.in_scope for prediction in expected]
    for name in ("score", "scope_score"):
        assert data[name] == pytest.approx([getattr(prediction, name) for prediction in expected], abs=1e-5)


def test_top_k_and_a_threshold(client: TestClient, model: IntentModel):
    answer = infer(client, {"parameters": {"top_k": 2, "threshold": 1.0}, "inputs": [tensor(TEXTS)]})
    expected = model.predict(TEXTS, "it", top_k=2)
    shapes = {output["name"]: output["shape"] for output in answer.json()["outputs"]}
    assert (shapes["top_k_label"], shapes["top_k_score"]) == ([3, 2], [3, 2])
    data = outputs(answer)
    assert data["top_k_label"] == [label for prediction in expected for label, _ in prediction.top_k]
    assert data["in_scope"] == [False] * 3
    everything = infer(client, {"parameters": {"top_k": 1000}, "inputs": [tensor(["a"])]})
    assert sum(outputs(everything)["top_k_score"]) == pytest.approx(1)


def test_the_outputs_that_are_wanted(client: TestClient):
    # As `tritonclient.http` asks for them with `binary_data=False`, and without any of its own.
    wanted = [{"name": "in_scope", "parameters": {"binary_data": False}}, {"name": "label"}]
    found = infer(client, {"inputs": [tensor(["a"])], "outputs": wanted}).json()
    assert [output["name"] for output in found["outputs"]] == ["in_scope", "label"]
    assert "id" not in found
    assert infer(client, {"inputs": [tensor(["a"])], "parameters": {"binary_data_output": True}}).status_code == 200


@pytest.mark.parametrize(
    ("texts", "shape"), [(["a", "b"], [2]), (["a", "b"], [2, 1]), ([["a"], ["b"]], [2, 1]), ([["a", "b"]], [2])]
)
def test_shapes(client: TestClient, texts: list, shape: list[int]):
    # MLServer's codec of strings says what they are; it plays no part.
    body = {"inputs": [tensor(texts, shape, parameters={"content_type": "str"})]}
    answer = infer(client, body)
    assert answer.status_code == 200
    assert len(outputs(answer)["label"]) == 2


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"inputs": [tensor(["a", "b"], [3])]}, "2 texts and the shape [3]"),
        ({"inputs": [tensor(["a", "b"], [1, 2])]}, "[1, 2]"),
        ({"inputs": [tensor(["a"], [-1, -1])]}, "shape.0"),
        ({"inputs": [tensor(["a"], [10**4000])]}, "shape.0"),
        ({"inputs": [tensor([], [0])]}, "shape.0"),
        ({"inputs": [tensor([], [1])]}, "data"),
        ({"inputs": [tensor([[]], [1])]}, "0 texts"),
        ({"inputs": []}, "inputs"),
        ({"inputs": [tensor(["a"]), tensor(["a"])]}, "inputs"),
        ({"inputs": [tensor(["a"]) | {"datatype": "FP32"}]}, "datatype"),
        ({"inputs": [tensor(["a"]) | {"name": "input_ids"}]}, "name"),
        ({"inputs": [tensor([1])]}, "data"),
        ({"inputs": [tensor(["a"])], "parameters": {"temperature": 1}}, "temperature"),
        ({"inputs": [tensor(["a"])], "outputs": [{"name": "logits"}]}, "'label', 'score', 'in_scope', 'scope_score'"),
        (
            {"inputs": [tensor(["a"])], "outputs": [{"name": "score", "parameters": {"classification": 3}}]},
            "classification",
        ),
        ({"inputs": [tensor(["a", " "])]}, "Text 1: The text is empty."),
    ],
)
def test_errors_are_kserves(client: TestClient, body: object, says: str):
    answer = infer(client, body)
    assert answer.status_code == 422
    assert answer.json().keys() == {"error"}
    assert says in answer.json()["error"]
    assert answer.headers["x-request-id"]


def test_bytes_behind_the_json_are_refused(client: TestClient):
    answer = infer(client, {"inputs": [tensor(["a"])]}, **{"Inference-Header-Content-Length": "20"})
    assert answer.status_code == 415
    assert "binary_data" in answer.json()["error"]


def test_the_server_and_its_models(client: TestClient, model: IntentModel):
    assert client.get("/v2").json() == {"name": "intent-adapters", "version": __version__, "extensions": []}
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}
    path = f"/v2/models/{quote('예약 상담')}"
    found = client.get(path).json()
    assert (found["name"], found["versions"]) == ("예약 상담", [model.agent_info("예약 상담").version])
    assert found["inputs"] == [{"name": "text", "datatype": "BYTES", "shape": [-1]}]
    answer = infer(client, {"inputs": [tensor(["a"])]}, "예약 상담").json()
    assert [(output["name"], output["datatype"]) for output in found["outputs"]] == [
        (output["name"], output["datatype"]) for output in answer["outputs"]
    ]
    assert client.get(f"{path}/ready").json() == {"name": "예약 상담", "ready": True}


def test_what_is_not_there(client: TestClient):
    for path in ("/v2/models/nobody", "/v2/models/nobody/ready", "/v2/models/it/versions/1", "/v2/repository/index"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert answer.json().keys() == {"error"}
    assert infer(client, {"inputs": [tensor(["a"])]}, "nobody").status_code == 404


def test_a_server_that_stops_is_not_ready(client: TestClient):
    client.app.service.stopping = True
    answer = client.get("/v2/health/ready")
    assert (answer.status_code, answer.json()) == (503, {"ready": False})
    assert client.get("/v2/health/live").status_code == 200
