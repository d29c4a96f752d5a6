"""Examples over HTTP: read, kept, checked, and the nearest to a text."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from intent_adapters import IntentModel
from intent_adapters.data import read_intents
from intent_adapters.extras import is_installed
from tests.serving.conftest import NAMES, TEACHER, USER, Serve, write_tokens

ADMIN = "the-token-of-the-admin"
ROWS = [
    {"text": "예약 해주세요", "label": "예약"},
    {"text": "예약 취소", "label": "취소"},
    {"text": "<script>alert(1)</script> \u202e", "label": "price"},
    {"text": "날씨 어때", "label": "out_of_scope"},
]


@pytest.fixture
def teacher(serve: Serve, base: Path, tmp_path: Path) -> TestClient:
    """A client whose token may train two agents, one of which is not there yet."""
    file = write_tokens(tmp_path, "it", "새 에이전트")
    client = serve(admin_token=ADMIN, token_file=file, train_base=str(base))
    client.headers["Authorization"] = f"Bearer {TEACHER}"
    return client


@pytest.mark.parametrize("agent", ["it", "새 에이전트"])
def test_examples_are_kept_as_they_were_written(teacher: TestClient, agents: Path, agent: str):
    assert teacher.get(f"/v1/agents/{agent}/examples").json() == {"rows": []}
    assert teacher.put(f"/v1/agents/{agent}/examples", json={"rows": ROWS}).json() == {"rows": ROWS}
    assert teacher.get(f"/v1/agents/{agent}/examples").json() == {"rows": ROWS}
    assert not [path for path in (agents / "it").rglob("*") if "examples" in path.name], "the agent's files travel"


def test_texts_with_the_ends_of_lines_that_unicode_has(teacher: TestClient):
    rows = [{"text": "a\u2028b\u0085c\nd\r", "label": "x"}]
    teacher.put("/v1/agents/it/examples", json={"rows": rows})
    assert teacher.get("/v1/agents/it/examples").json() == {"rows": rows}


def test_an_agent_that_is_removed_leaves_no_examples(teacher: TestClient, agents: Path):
    teacher.put("/v1/agents/it/examples", json={"rows": ROWS})
    assert teacher.delete("/admin/agents/it", headers={"Authorization": f"Bearer {ADMIN}"}).status_code == 200
    assert teacher.get("/v1/agents/it/examples").json() == {"rows": []}
    kept = [path for path in agents.rglob("*") if path.is_file() and b"alert(1)" in path.read_bytes()]
    assert not kept


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/agents/it/examples", None),
        ("PUT", "/v1/agents/it/examples", {"rows": ROWS}),
        ("POST", "/v1/agents/it/nearest", {"text": "a"}),
        ("POST", "/v1/examples/read", {"name": "a.csv", "content": "text,label\na,b"}),
        ("POST", "/v1/examples/check", {"rows": ROWS[:2]}),
        ("GET", "/v1/agents/it/versions", None),
        ("POST", "/v1/agents/it/versions/1/predict", {"text": "a"}),
        ("GET", "/v1/agents/it/archive", None),
        ("POST", "/v1/agents/it/publish", {"repository": "org/it", "token": "hf_secret"}),
    ],
)
def test_only_those_that_may_train_make_agents(teacher: TestClient, method: str, path: str, body: dict | None):
    def status(path: str, token: str) -> int:
        return teacher.request(method, path, json=body, headers={"Authorization": f"Bearer {token}"}).status_code

    assert status(path, USER) == 403
    assert status(path, "somebody-else-altogether") == 401
    if "/agents/it" in path:
        assert status(path.replace("it", "clinic", 1), TEACHER) == 404


@pytest.mark.parametrize("name", ["..", ".hidden", "a/b", " "])
def test_names_that_agents_cannot_have_keep_nothing(teacher: TestClient, agents: Path, name: str):
    before = sorted(agents.parent.rglob("*"))
    answer = teacher.put(f"/v1/agents/{name.replace('/', '%2F')}/examples", json={"rows": ROWS})
    assert answer.status_code in (404, 422)
    assert sorted(agents.parent.rglob("*")) == before


@pytest.mark.parametrize(
    ("name", "content", "rows"),
    [
        ("a.csv", "text,label\n예약이요,예약\n", [("예약이요", "예약")]),
        ("a.tsv", "label\ttext\nbook\tbook it\n", [("book it", "book")]),
        ("a.jsonl", '{"utterance": "hi", "intent": "greet"}\n', [("hi", "greet")]),
        ("A.YML", "nlu:\n- intent: greet\n  examples: |\n    - hi [you](person)\n", [("hi you", "greet")]),
    ],
)
def test_files_are_read_as_anywhere_else(
    teacher: TestClient, tmp_path: Path, name: str, content: str, rows: list[tuple[str, str]]
):
    answer = teacher.post("/v1/examples/read", json={"name": name, "content": content})
    assert answer.json() == {"rows": [{"text": text, "label": label} for text, label in rows], "warnings": []}
    if is_installed("datasets"):
        file = tmp_path / name
        file.write_text(content, encoding="utf-8")
        assert read_intents(file, purpose="evaluation").to_list() == answer.json()["rows"]


def test_what_is_left_out_of_a_file_is_said(teacher: TestClient):
    content = "nlu:\n- intent: greet\n  examples: |\n    - hi\n- synonym: x\n  examples: |\n    - y\n"
    answer = teacher.post("/v1/examples/read", json={"name": "a.yml", "content": content}).json()
    assert "synonym" in answer["warnings"][0]
    assert "examples.yml:5" in answer["warnings"][0]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "one,two\na,b\n", "examples.csv"),
        ("a.csv", "text,label\na,b,c\n", "examples.csv:2"),
        ("a.pkl", "x", ".csv"),
        ("../../a.csv", "", "examples.csv"),
        ("csv", "text,label\na,b", ".csv"),
    ],
)
def test_files_that_cannot_be_read(teacher: TestClient, name: str, content: str, said: str):
    answer = teacher.post("/v1/examples/read", json={"name": name, "content": content})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "unusable_data")
    message = answer.json()["error"]["message"]
    assert said in message
    assert "/tmp" not in message
    assert "Temp" not in message


def test_the_nearest_examples_are_those_of_the_agents_own_space(teacher: TestClient, model: IntentModel):
    rows = [{"text": text, "label": "예약"} for text in ("book it", "예약 취소", "얼마", "how much is it")]
    teacher.put("/v1/agents/it/examples", json={"rows": [*rows, {"text": " ", "label": "예약"}]})
    for text in ("예약 취소", "얼마 예요"):
        answer = teacher.post("/v1/agents/it/nearest", json={"text": text, "count": 3}).json()
        vectors = model.encode([text, *(row["text"] for row in rows)], "it").astype(np.float64)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        cosines = vectors[1:] @ vectors[0]
        order = np.argsort(-cosines)[:3]
        assert [near["text"] for near in answer["nearest"]] == [rows[number]["text"] for number in order]
        np.testing.assert_allclose([near["similarity"] for near in answer["nearest"]], cosines[order], atol=1e-4)
        assert answer["version"] == model.agent_info("it").version
    teacher.put("/v1/agents/it/examples", json={"rows": rows[:1]})
    [near] = teacher.post("/v1/agents/it/nearest", json={"text": "예약 취소"}).json()["nearest"]
    assert near["text"] == "book it", "examples that have changed are looked at again"


def test_an_agent_without_examples_has_no_nearest_ones(teacher: TestClient):
    assert teacher.post("/v1/agents/it/nearest", json={"text": "a"}).json()["nearest"] == []
    answer = teacher.post("/v1/agents/새 에이전트/nearest", json={"text": "a"})
    assert answer.json()["error"]["code"] == "unknown_agent"


@pytest.mark.skipif(not is_installed("scipy"), reason="SciPy is not installed")
def test_what_is_likely_wrong_names_the_rows(teacher: TestClient):
    rows = [*ROWS[:2], {"text": "예약 해주세요!", "label": "취소"}, {"text": "취소", "label": "취소"}]
    findings = teacher.post("/v1/examples/check", json={"rows": rows}).json()["findings"]
    [both] = [finding for finding in findings if finding["kind"] == "two intents"]
    assert (both["rows"], both["labels"], both["is_problem"]) == ([0, 2], ["예약", "취소"], True)
    assert both["reason"]
    assert both["advice"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/examples/check", {"rows": [{"text": " ", "label": "a"}]}, 422),
        ("/v1/examples/check", {"rows": []}, 422),
        ("/v1/agents/it/nearest", {"text": " "}, 422),
        ("/v1/agents/it/nearest", {"text": "a", "count": 0}, 422),
        ("/v1/examples/read", {"name": "a.csv"}, 422),
    ],
)
def test_bodies_that_make_no_sense(teacher: TestClient, path: str, body: dict, status: int):
    teacher.put("/v1/agents/it/examples", json={"rows": ROWS})
    assert teacher.post(path, json=body).status_code == status


def test_more_examples_than_may_be_trained_are_not_kept(serve: Serve, base: Path):
    client = serve(admin_token=ADMIN, train_base=str(base), train_max_rows=3)
    client.headers["Authorization"] = f"Bearer {ADMIN}"
    answer = client.put("/v1/agents/it/examples", json={"rows": ROWS})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_many_rows")
    content = "".join(json.dumps({"text": str(number), "label": "a"}) + "\n" for number in range(4))
    answer = client.post("/v1/examples/read", json={"name": "a.jsonl", "content": content})
    assert answer.status_code == 413


def test_a_server_that_does_not_train_has_none_of_it(serve: Serve):
    client = serve(admin_token=ADMIN)
    for name in NAMES:
        assert client.get(f"/v1/agents/{name}/examples").status_code == 404
    assert "/v1/examples/read" not in client.get("/openapi.json").json()["paths"]


def test_the_document_has_what_the_paths_do(teacher: TestClient):
    paths = teacher.get("/openapi.json").json()["paths"]
    assert {"get", "put"} == paths["/v1/agents/{agent}/examples"].keys()
    zipped = paths["/v1/agents/{agent}/archive"]["get"]["responses"]["200"]["content"]
    assert [*zipped] == ["application/zip"]
    served = {route.path for route in teacher.app._router.routes if route.path.startswith("/v1")}
    assert served == {path for path in paths if path.startswith("/v1")}
