"""The native paths, with a tiny base and agents."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from intent_adapters import IntentModel
from intent_adapters.data import Definition, EntityDefinitions
from tests.serving.conftest import NAMES, Serve

TEXTS = ["예약 취소", "cancel my card", "how much?"]
ALL, ONE = "for-all-agents-0123", "for-one-agent-01234"


def same(answers: list[dict], expected: list) -> bool:
    wanted = [answer.to_dict() for answer in expected]
    return [
        answer["label"] == other["label"]
        and answer["score"] == pytest.approx(other["score"], abs=1e-5)
        and {k: answer[k] for k in ("agent", "in_scope", "threshold", "version")}
        == {k: other[k] for k in ("agent", "in_scope", "threshold", "version")}
        and [entry["label"] for entry in answer["top_k"]] == [entry["label"] for entry in other["top_k"]]
        for answer, other in zip(answers, wanted, strict=True)
    ] == [True] * len(wanted)


@pytest.mark.parametrize("agent", NAMES)
def test_one_text(client: TestClient, model: IntentModel, agent: str):
    answer = client.post(f"/v1/agents/{quote(agent)}/predict", json={"text": TEXTS[0]})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert same([answer.json()], [model.predict(TEXTS[0], agent)])
    assert answer.json().keys() == model.predict("a", agent).to_dict().keys()


def test_an_agent_that_defines_entities_finds_them_and_others_have_no_such_key(serve: Serve, adapters, agents: Path):
    cities = EntityDefinitions({"city": Definition({"Seoul": ("서울",)})})
    adapters[1][0].with_entities(cities).write(agents / "travel")
    body = {"rows": [{"text": "😀 서울에서", "agent": agent} for agent in ("travel", "it")], "top_k": 1}
    client = serve()
    travel, other = client.post("/v1/predict", json=body).json()["predictions"]
    schema = client.get("/openapi.json").json()["components"]["schemas"]["EntityAnswer"]
    [city] = travel["entities"]
    assert city.keys() == schema["properties"].keys()
    assert (city["start"], city["end"], city["text"], city["value"]) == (2, 4, "서울", "Seoul")
    assert "entities" not in other


def test_many_texts_and_how_they_are_to_be_answered(client: TestClient, model: IntentModel):
    body = {"texts": TEXTS, "top_k": 2.0, "threshold": 1}
    found = client.post("/v1/agents/it/predict", json=body).json()["predictions"]
    assert same(found, model.predict(TEXTS, "it", top_k=2, threshold=1.0))
    assert [(len(answer["top_k"]), answer["in_scope"], answer["threshold"]) for answer in found] == [(2, False, 1)] * 3


def test_rows_of_many_agents_and_an_error_for_each_that_has_no_answer(client: TestClient, model: IntentModel):
    rows = [{"text": text, "agent": agent} for text, agent in zip(TEXTS, NAMES, strict=True)]
    wrong = [{"text": "a", "agent": "nobody"}, {"text": " \n", "agent": "it"}, {"text": "x" * 10_001, "agent": "it"}]
    answer = client.post("/v1/predict", json={"rows": [*rows[:1], *wrong, *rows[1:]]})
    assert answer.status_code == 200
    found = answer.json()["predictions"]
    assert same([found[0], *found[4:]], model.predict(TEXTS, NAMES))
    assert [row["error"]["code"] for row in found[1:4]] == ["unknown_agent", "empty_text", "text_too_long"]


def test_errors_of_texts_are_theirs_alone(client: TestClient, model: IntentModel):
    answer = client.post("/v1/agents/it/predict", json={"texts": ["", TEXTS[0], "x" * 10_001]})
    assert answer.status_code == 200
    empty, good, long = answer.json()["predictions"]
    assert same([good], [model.predict(TEXTS[0], "it")])
    assert (empty["error"]["code"], long["error"]["code"]) == ("empty_text", "text_too_long")


def test_more_rows_than_a_batch_has(client: TestClient, model: IntentModel):
    texts = [f"cancel {number}" for number in range(150)]
    agents = [NAMES[number % 3] for number in range(150)]
    body = {"rows": [{"text": text, "agent": agent} for text, agent in zip(texts, agents, strict=True)]}
    assert same(client.post("/v1/predict", json=body).json()["predictions"], model.predict(texts, agents))


def test_an_agent_that_cannot_be_loaded_fails_alone(serve: Serve, agents: Path):
    (agents / "it" / "adapter_model.safetensors").write_bytes(b"no weights")
    client = serve()
    rows = [{"text": "a", "agent": agent} for agent in NAMES]
    found = client.post("/v1/predict", json={"rows": rows}).json()["predictions"]
    assert [row.get("error", {}).get("code") for row in found] == [None, None, "agent_unavailable"]
    for body in ({"text": "a"}, {"texts": ["", "a"]}):
        answer = client.post("/v1/agents/it/predict", json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "agent_unavailable")
        assert str(agents) not in answer.text
    assert client.get("/v1/agents/it").status_code == 503


def test_agents_that_do_not_fit_into_memory_together(serve: Serve, model: IntentModel):
    client = serve(max_adapter_bytes=20_000)
    body = {"rows": [{"text": text, "agent": agent} for text in TEXTS for agent in NAMES]}
    found = client.post("/v1/predict", json=body).json()["predictions"]
    assert same(found, model.predict([text for text in TEXTS for _ in NAMES], [*NAMES] * 3))
    metrics = client.get("/metrics").text
    assert "intent_adapters_store_evictions_total 0.0" not in metrics


def test_which_agents_there_are(client: TestClient, model: IntentModel):
    answer = client.get("/v1/agents").json()
    assert sorted(agent["name"] for agent in answer["agents"]) == sorted(NAMES)
    assert answer["generation"]
    info = model.agent_info("예약 상담")
    assert client.get(f"/v1/agents/{quote('예약 상담')}").json() == {
        "name": "예약 상담",
        "intents": list(info.labels),
        "threshold": 0.3,
        "version": info.version,
    }


@pytest.mark.parametrize(
    "path",
    ["nobody", "%2E%2E", "..%2Fit", "it%2F..%2Fclinic", "%00", "%FF%FE", "%20it", "it%0d%0aSet-Cookie:x", "a" * 5000],
)
def test_names_of_nobody(client: TestClient, path: str):
    asked = [client.post(f"/v1/agents/{path}/predict", json=body) for body in ({"text": "a"}, {"texts": ["a", ""]})]
    for answer in (*asked, client.get(f"/v1/agents/{path}")):
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] in ("unknown_agent", "not_found")
        assert "clinic" not in answer.json()["error"]["message"] or "clinic" in path
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "invalid_json"),
        (b"{", 400, "invalid_json"),
        (b'{"text": "\xff"}', 400, "invalid_json"),
        (b'{"text": "\\ud800"}', 400, "invalid_json"),
        (b"[" * 100_000, 400, "invalid_json"),
        (b'{"text": ' + b'{"a":' * 1000 + b"1" + b"}" * 1000 + b"}", 400, "invalid_json"),
        (b"[]", 422, "invalid_request"),
        (b"null", 422, "invalid_request"),
        (b"{}", 422, "invalid_request"),
        (b'{"text": "a", "texts": ["b"]}', 422, "invalid_request"),
        (b'{"text": null}', 422, "invalid_request"),
        (b'{"text": "a", "texts": null}', 422, "invalid_request"),
        (b'{"texts": []}', 422, "invalid_request"),
        (b'{"text": 5}', 422, "invalid_request"),
        (b'{"texts": ["a", null]}', 422, "invalid_request"),
        (b'{"text": "a", "topk": 3}', 422, "invalid_request"),
        (b'{"text": "a", "top_k": 0}', 422, "invalid_request"),
        (b'{"text": "a", "top_k": "3"}', 422, "invalid_request"),
        (b'{"text": "a", "top_k": 2.5}', 422, "invalid_request"),
        (b'{"text": "a", "top_k": 1e400}', 422, "invalid_request"),
        (b'{"text": "a", "threshold": 1.5}', 422, "invalid_request"),
        (b'{"text": "a", "threshold": NaN}', 422, "invalid_request"),
        (b'{"text": ""}', 422, "empty_text"),
    ],
)
def test_bodies_that_are_not_right(client: TestClient, body: bytes, status: int, code: str):
    answer = client.post("/v1/agents/it/predict", content=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.json()["error"]["message"].endswith(".")
    assert len(answer.content) < 1000


@pytest.mark.parametrize("text", ["\0", "🙂" * 50, "a\u202eb", "\u0301", "가" * 9000, "\t a \n"])
def test_odd_texts_are_answered(client: TestClient, model: IntentModel, text: str):
    answer = client.post("/v1/agents/it/predict", json={"text": text})
    assert same([answer.json()], [model.predict(text, "it")])


def test_tokens_see_and_ask_their_own_agents(serve: Serve, tmp_path: Path):
    file = tmp_path / "tokens.toml"
    file.write_text(f'[[tokens]]\ntoken = "{ONE}"\nagents = ["it", "gone"]\n', encoding="utf-8")
    client = serve(token=ALL, token_file=file)
    rows = {"rows": [{"text": "a", "agent": "it"}, {"text": "a", "agent": "clinic"}, {"text": "a", "agent": "gone"}]}
    for path, body in (("/v1/predict", rows), ("/v1/agents/it/predict", {"text": "a"})):
        assert client.post(path, json=body).status_code == 401
        assert client.post(path, json=body, headers={"authorization": "Bearer nobody"}).status_code == 401
    for path in ("/v1/agents", "/v1/agents/it"):
        assert client.get(path).json()["error"]["code"] == "missing_token"
    one, everything = {"authorization": f"Bearer {ONE}"}, {"authorization": f"Bearer {ALL}"}
    assert [agent["name"] for agent in client.get("/v1/agents", headers=one).json()["agents"]] == ["it"]
    assert client.get("/v1/agents", headers=one).json().keys() == {"agents"}  # nothing of what others have
    assert len(client.get("/v1/agents", headers=everything).json()["agents"]) == 3
    found = client.post("/v1/predict", json=rows, headers=one).json()["predictions"]
    assert [row.get("error", {}).get("code") for row in found] == [None, "unknown_agent", "unknown_agent"]
    forbidden, missing = (client.get(f"/v1/agents/{name}", headers=one) for name in ("clinic", "gone"))
    assert forbidden.status_code == missing.status_code == 404
    assert forbidden.json()["error"]["message"] == missing.json()["error"]["message"].replace("gone", "clinic")
    for body in ({"text": "a"}, {"texts": ["a"]}):
        assert client.post("/v1/agents/clinic/predict", json=body, headers=one).status_code == 404
