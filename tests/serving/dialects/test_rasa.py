"""Rasa's shapes, as its own client and those of its HTTP API send and read them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from intent_adapters import IntentModel
from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.data import Definition, EntityDefinitions
from tests.serving.conftest import Serve

TOKEN = "for-one-agent-01234"


def parse(client: TestClient, body: object, agent: str = "it", query: str = ""):
    return client.post(f"/rasa/{quote(agent)}/model/parse{query}", json=body)


def test_a_message_is_parsed(client: TestClient, model: IntentModel):
    answer = parse(client, {"text": "카드  취소 please", "message_id": "b2831e73"}, "예약 상담")
    assert answer.status_code == 200
    found, expected = answer.json(), model.predict("카드  취소 please", "예약 상담", top_k=10, threshold=0.0)
    assert found.keys() == {"text", "intent", "entities", "text_tokens", "intent_ranking", "message_id"}
    assert (found["text"], found["entities"], found["message_id"]) == ("카드  취소 please", [], "b2831e73")
    assert found["text_tokens"] == [[0, 2], [4, 6], [7, 13]]
    ranking = [entry for entry in found["intent_ranking"] if entry["name"] != "nlu_fallback"]
    assert [entry["name"] for entry in ranking] == [label for label, _ in expected.top_k]
    assert [entry["confidence"] for entry in ranking] == pytest.approx(
        [score for _, score in expected.top_k], abs=1e-5
    )
    assert found["intent"] == found["intent_ranking"][0]


def test_entities_are_in_the_shape_of_rasa(serve: Serve, adapters, agents: Path):
    cities = EntityDefinitions({"city": Definition({"Seoul": ("서울",)})})
    adapters[1][0].with_entities(cities).write(agents / "travel")
    assert parse(serve(), {"text": "서울에서 봐요"}, "travel").json()["entities"] == [
        {"entity": "city", "start": 0, "end": 2, "value": "Seoul", "confidence_entity": 1.0, "extractor": "values"}
    ]


@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_what_is_out_of_scope_is_an_nlu_fallback_before_the_others(serve: Serve, adapters, agents: Path, threshold):
    adapter = adapters[1][0]
    config = replace(adapter.config, calibration=replace(adapter.config.calibration, threshold=threshold))
    Adapter(config, adapter.arrays).write(agents / "scoped")
    found = parse(serve(), {"text": "can I park there?"}, "scoped").json()
    names = [entry["name"] for entry in found["intent_ranking"]]
    assert names.count("nlu_fallback") == threshold
    assert len(names) == 4 + threshold
    assert found["intent"] == found["intent_ranking"][0]
    assert (found["intent"]["name"] == "nlu_fallback") == bool(threshold)
    assert 0 <= found["intent"]["confidence"] <= 1
    assert "message_id" not in found


@pytest.mark.parametrize("mode", ["LUIS", "wit", "DIALOGFLOW"])
def test_rasa_does_not_emulate_others_here(client: TestClient, mode: str):
    answer = parse(client, {"text": "a"}, query=f"?emulation_mode={mode}")
    assert (answer.status_code, answer.json()["reason"]) == (400, "unsupported_emulation_mode")


@pytest.mark.parametrize(
    ("agent", "body", "status", "reason"),
    [
        ("nobody", {"text": "a"}, 404, "unknown_agent"),
        ("it", {"text": ""}, 422, "empty_text"),
        ("it", {"message": "a"}, 422, "invalid_request"),
        ("it", {"text": None}, 422, "invalid_request"),
    ],
)
def test_errors_are_rasas(client: TestClient, agent: str, body: object, status: int, reason: str):
    answer = parse(client, body, agent)
    assert answer.status_code == status
    found = answer.json()
    assert found.keys() == {"version", "status", "message", "reason", "details", "help", "code"}
    assert (found["status"], found["code"], found["reason"]) == ("failure", status, reason)
    assert answer.headers["x-request-id"]


def test_paths_that_are_not_there_have_the_same_errors(client: TestClient):
    assert client.post("/rasa/it/webhooks/rest/webhook", json={}).json()["reason"] == "not_found"
    assert client.get("/rasa/it/model/parse").json()["reason"] == "method_not_allowed"


def test_a_token_comes_as_rasas_clients_send_it(serve: Serve, tmp_path: Path):
    file = tmp_path / "tokens.toml"
    file.write_text(f'[[tokens]]\ntoken = "{TOKEN}"\nagents = ["it"]\n', encoding="utf-8")
    client = serve(token_file=file)
    # `RasaNLUHttpInterpreter`, by which Rasa Core asks another server, has it in the body; `rasa run --auth-token`
    # wants it in the query.
    assert parse(client, {"token": TOKEN, "text": "a", "message_id": "someone"}).status_code == 200
    assert parse(client, {"text": "a"}, query=f"?token={TOKEN}").status_code == 200
    bearer = {"authorization": f"Bearer {TOKEN}"}
    assert client.post("/rasa/it/model/parse", json={"text": "a"}, headers=bearer).status_code == 200
    assert client.get(f"/rasa/it/status?token={TOKEN}").status_code == 200
    assert parse(client, {"token": None, "text": "a", "message_id": "someone"}).json()["reason"] == "missing_token"
    assert parse(client, {"text": "a"}, query="?token=wrong").json()["reason"] == "invalid_token"
    assert parse(client, {"text": "a", "token": TOKEN}, "clinic").status_code == 404
    assert client.get(f"/rasa/clinic/status?token={TOKEN}").status_code == 404
    # Of two tokens the one in the header counts.
    assert client.post(
        f"/rasa/it/model/parse?token={TOKEN}", json={"text": "a"}, headers={"authorization": "x"}
    ).is_error


def test_what_else_its_clients_look_at(client: TestClient, model: IntentModel):
    assert client.get("/rasa/it/").text.startswith("Hello from Rasa: 3.")
    assert client.get("/rasa/it/version").json().keys() == {"version", "minimum_compatible_version"}
    assert client.get(f"/rasa/{quote('예약 상담')}/status").json() == {
        "model_file": "예약 상담",
        "model_id": model.agent_info("예약 상담").version,
        "num_active_training_jobs": 0,
    }
