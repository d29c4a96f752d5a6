"""The admin face: what is changed is changed in the folder, and nowhere else."""

from __future__ import annotations

import os
import shutil
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from intent_adapters.adapter_config import Provenance
from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.artifacts.versions import list_versions
from intent_adapters.errors import ConfigError
from intent_adapters.serving.settings import Settings, read_settings
from intent_adapters.serving.shared import Shared
from tests.serving.conftest import NAMES, Serve
from tests.support.loopback_hub import LoopbackHub

ADMIN, USER = "the-token-of-the-admin", "a-token-for-all-agents"
PREDICT = {"Authorization": f"Bearer {USER}"}
WINDOWS = sys.platform == "win32"


@pytest.fixture
def store(tmp_path: Path, adapters) -> Path:
    """A folder that agents may be taken from."""
    for number, adapter in enumerate(adapters[1]):
        adapter.write(tmp_path / "store" / f"{number}")
    return tmp_path / "store"


@pytest.fixture
def admin(serve: Serve, store: Path) -> Iterator[TestClient]:
    client = serve(admin_token=ADMIN, token=USER, admin_folder=store, admin_organisations=("org",))
    client.headers["Authorization"] = f"Bearer {ADMIN}"
    return client


def answering(client: TestClient, agent: str) -> str:
    """The version that answers."""
    answer = client.post(f"/v1/agents/{quote(agent, safe='')}/predict", json={"text": "a"}, headers=PREDICT)
    return answer.json().get("version", answer.status_code)


def state(client: TestClient, agent: str) -> dict:
    return {entry["agent"]: entry for entry in client.get("/admin/agents").json()["agents"]}[agent]


PATHS = [
    ("GET", "/admin/agents"),
    ("PUT", "/admin/agents/it"),
    ("DELETE", "/admin/agents/it"),
    ("POST", "/admin/agents/it/pin"),
    ("POST", "/admin/agents/it/unpin"),
    ("POST", "/admin/agents/it/threshold"),
    ("POST", "/admin/agents/it/rollback"),
    ("POST", "/admin/drain"),
    ("POST", "/admin/undrain"),
    ("GET", "/admin/stats"),
]


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_it_is_not_there_unless_it_has_a_token_and_opens_to_no_other(
    serve: Serve, admin: TestClient, method: str, path: str
):
    assert serve(token=USER).request(method, path, headers={"Authorization": f"Bearer {ADMIN}"}).status_code == 404
    for header in ("", f"Bearer {USER}", f"Bearer {ADMIN}x", f"Bearer {ADMIN[:-1]}", f"Basic {ADMIN}"):
        answer = admin.request(method, path, headers={"Authorization": header})
        assert answer.status_code == 401
    assert not admin.app.service.draining


def test_its_token_asks_no_agents(admin: TestClient):
    assert admin.post("/v1/agents/it/predict", json={"text": "a"}).status_code == 401


def test_every_path_of_it_is_described_where_it_is(serve: Serve, admin: TestClient):
    paths = admin.get("/openapi.json").json()["paths"]
    described = {(method.upper(), path) for path, item in paths.items() for method in item if "/admin" in path}
    assert described == {(method, path.replace("/it", "/{agent}")) for method, path in PATHS}
    assert "/admin/agents" not in serve().get("/openapi.json").json()["paths"]


@pytest.mark.parametrize("name", ["it", "new one", "새 상담원", "a.b+c-d_e"])
def test_an_agent_is_taken_from_a_folder(admin: TestClient, store: Path, agents: Path, adapters, name: str):
    before = admin.get("/admin/agents").json()["generation"]
    for folder, adapter in (("4", adapters[1][4]), (str(store / "5"), adapters[1][5])):
        answer = admin.put(f"/admin/agents/{quote(name)}", json={"folder": folder})
        assert answer.status_code == 200
        assert answer.json() == {
            "agent": name,
            "version": adapter.version,
            "generation": admin.get("/v1/agents", headers=PREDICT).json()["generation"],
            "agreed": True,
        }
        assert answering(admin, name) == adapter.version
        assert Adapter.read(agents / name).version == adapter.version  # after a restart, too
    assert answer.json()["generation"] != before
    assert len(list_versions(agents / name)) > 1


def test_a_name_whose_letters_are_taken_apart_in_the_folder(admin: TestClient, agents: Path, adapters):
    apart = unicodedata.normalize("NFD", "예약 상담")
    (agents / "예약 상담").rename(agents / apart)
    answer = admin.put(f"/admin/agents/{quote('예약 상담')}", json={"folder": "4"})
    assert answer.status_code == 200
    assert answering(admin, "예약 상담") == adapters[1][4].version
    assert [path.name for path in agents.glob("[!.]*") if path.name not in NAMES] == [apart]


def test_the_card_comes_along(admin: TestClient, store: Path, agents: Path):
    (store / "4" / "README.md").write_text("# mine", encoding="utf-8")
    assert admin.put("/admin/agents/new", json={"folder": "4"}).status_code == 200
    assert (agents / "new" / "README.md").read_text(encoding="utf-8") == "# mine"


@pytest.mark.parametrize(
    "folder", ["../agents/it", "..", "/", "/etc", "4/../../agents/it", "link", "\0", "4\0", "x" * 5000]
)
def test_a_folder_elsewhere(admin: TestClient, store: Path, agents: Path, folder: str):
    if not WINDOWS:
        (store / "link").symlink_to(agents / "it")
    answer = admin.put("/admin/agents/new", json={"folder": folder})
    assert answer.status_code in (403, 422)
    assert str(agents) not in answer.text
    assert "new" not in {path.name for path in agents.iterdir()}


def test_without_a_place_to_take_agents_from(serve: Serve, store: Path):
    client = serve(admin_token=ADMIN)
    for body in ({"folder": str(store / "4")}, {"repository": "org/a", "revision": "0" * 40}):
        answer = client.put("/admin/agents/new", json=body, headers={"Authorization": f"Bearer {ADMIN}"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "not_allowed")


@pytest.mark.parametrize(
    "name", ["%2e%2e", "%2E%2E%2Fx", "..%2Fx", "a%2Fb", "%00", "a%00", "-a", "a%20", ".a", "%80", "a:b"]
)
def test_names_that_are_no_names(admin: TestClient, agents: Path, name: str):
    before = sorted(agents.parent.rglob("*"))
    answer = admin.put(f"/admin/agents/{name}", json={"folder": "4"})
    assert (answer.status_code, answer.json()["error"]["code"]) in ((404, "not_found"), (422, "unusable_name"))
    for method, path in (("DELETE", ""), ("POST", "/pin"), ("POST", "/rollback"), ("POST", "/threshold")):
        body = {"threshold": 0.5} if path == "/threshold" else {}
        assert admin.request(method, f"/admin/agents/{name}{path}", json=body).status_code == 404
    assert sorted(agents.parent.rglob("*")) == before


def test_a_name_that_is_too_long_for_the_file_system(admin: TestClient, agents: Path):
    answer = admin.put(f"/admin/agents/{quote('가' * 96)}", json={"folder": "4"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "unusable_name")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"folder": "4", "repository": "org/a", "revision": "0" * 40},
        {"repository": "org/a"},
        {"folder": "4", "revision": "0" * 40},
        {"folder": "4", "subfolder": "x"},
        {"folder": 4},
        {"folder": "4", "more": 1},
    ],
)
def test_bodies_that_make_no_sense(admin: TestClient, body: dict):
    answer = admin.put("/admin/agents/new", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_request")


def test_an_adapter_that_does_not_fit_changes_nothing(admin: TestClient, store: Path, agents: Path, adapters):
    before = answering(admin, "it"), admin.get("/admin/agents").json()["generation"]
    (store / "damaged").mkdir()
    shutil.copy(store / "4" / "adapter_config.json", store / "damaged")
    (store / "damaged" / "adapter_model.safetensors").write_bytes(b"no weights")
    adapter = adapters[1][4]
    Adapter(adapter.config, {**adapter.arrays, "more": adapter.arrays[next(iter(adapter.arrays))]}).write(
        store / "more"
    )
    adapter.with_config(provenance=Provenance("0" * 64)).write(store / "other base")
    for folder, said in (
        ("damaged", "safetensors"),
        ("more", "unknown"),
        ("other base", "was trained on"),
        ("none", "none"),
    ):
        answer = admin.put("/admin/agents/it", json={"folder": folder})
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "unusable_adapter")
        assert said in answer.json()["error"]["message"]
    assert (answering(admin, "it"), admin.get("/admin/agents").json()["generation"]) == before
    assert sorted(path.name for path in agents.iterdir()) == sorted(NAMES)


def test_an_agent_is_taken_from_the_hub(admin: TestClient, hub: LoopbackHub, store: Path, adapters):
    files = {path.name: path.read_bytes() for path in (store / "4").iterdir() if path.is_file()}
    commit = hub.put("org/agent", files).oid
    hub.put("else/agent", files)
    body = {"repository": "org/agent", "revision": commit}
    answer = admin.put("/admin/agents/new", json=body)
    assert answer.status_code == 200
    assert answering(admin, "new") == adapters[1][4].version
    for changed, code in (
        ({"revision": "main"}, "revision_not_pinned"),
        ({"revision": commit[:12]}, "revision_not_pinned"),
        ({"revision": "0" * 40}, "unusable_adapter"),
        ({"repository": "else/agent"}, "not_allowed"),
        ({"repository": "org"}, "not_allowed"),
        ({"repository": "org/../else"}, "not_allowed"),
        ({"repository": "org/nothing"}, "unusable_adapter"),
        ({"repository": "org/agent\0"}, "not_allowed"),
        ({"subfolder": "../x"}, "unusable_adapter"),
    ):
        answer = admin.put("/admin/agents/new", json=body | changed)
        assert answer.json()["error"]["code"] == code


def test_what_looks_like_a_repository_and_is_a_folder(admin: TestClient, store: Path, monkeypatch: pytest.MonkeyPatch):
    shutil.copytree(store / "4", store / "org" / "agent")
    monkeypatch.chdir(store)
    body = {"repository": "org/agent", "revision": "0" * 40}
    assert admin.put("/admin/agents/new", json=body).json()["error"]["code"] == "not_allowed"


def test_an_agent_is_removed_and_can_be_brought_back(admin: TestClient, agents: Path):
    version = answering(admin, "예약 상담")
    path = f"/admin/agents/{quote('예약 상담')}"
    assert admin.post(f"{path}/pin").status_code == 200
    answer = admin.delete(path)
    assert answer.status_code == 200
    assert answer.json()["version"] is None
    assert answering(admin, "예약 상담") == 404
    assert admin.delete(path).status_code == 404
    (agents / ".intent-adapters" / "removed" / "예약 상담").rename(agents / "예약 상담")
    admin.post("/admin/agents/it/pin")  # it looks at the folder
    assert answering(admin, "예약 상담") == version
    assert not state(admin, "예약 상담")["pinned"]


def test_a_pin_is_for_all_processes_and_the_next_start(
    admin: TestClient, agents: Path, serve: Serve, base: Path, adapters
):
    assert state(admin, "it") == {"agent": "it", "version": None, "bytes": 0, "pinned": False, "problem": None}
    assert admin.post("/admin/agents/it/pin").json()["version"] == adapters[1][2].version
    for client in (admin, serve(admin_token=ADMIN, max_adapter_bytes=50_000)):
        client.headers["Authorization"] = f"Bearer {ADMIN}"
        found = state(client, "it")
        assert found["pinned"] and found["version"] and found["bytes"] > 0
    adapters[1][4].write(agents / "it")
    admin.post("/admin/agents/clinic/pin")
    assert state(admin, "it")["version"] == adapters[1][4].version  # what takes its place is pinned, too
    assert admin.post("/admin/agents/it/unpin").status_code == 200
    assert not state(admin, "it")["pinned"]


def test_no_room_for_a_pin(serve: Serve):
    client = serve(admin_token=ADMIN, max_adapter_bytes=100)
    answer = client.post("/admin/agents/it/pin", headers={"Authorization": f"Bearer {ADMIN}"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")


def test_threshold_and_rollback(admin: TestClient, agents: Path, adapters):
    first = answering(admin, "it")
    answer = admin.post("/admin/agents/it/threshold", json={"threshold": 0.9})
    assert answer.json()["version"] == answering(admin, "it") != first
    assert admin.post("/admin/agents/it/threshold", json={"threshold": 2}).status_code == 422
    admin.put("/admin/agents/it", json={"folder": "4"})
    assert admin.post("/admin/agents/it/rollback", json={}).json()["version"] == answer.json()["version"]
    assert answering(admin, "it") == answer.json()["version"]
    assert admin.post("/admin/agents/it/rollback", json={"version": 9}).status_code == 422
    assert admin.post("/admin/agents/clinic/rollback", json={}).status_code == 422
    assert admin.post("/admin/agents/nobody/rollback", json={}).status_code == 404


def test_what_is_wrong_with_an_agent_is_told(admin: TestClient, agents: Path):
    (agents / "it" / "adapter_model.safetensors").write_bytes(b"no weights")
    assert answering(admin, "it") == 503
    assert "safetensors" in state(admin, "it")["problem"]
    admin.put("/admin/agents/it", json={"folder": "4"})
    assert state(admin, "it")["problem"] is None


@pytest.mark.skipif(WINDOWS, reason="permissions of Unix")
def test_a_folder_that_cannot_be_written(admin: TestClient, agents: Path):
    if os.getuid() == 0:
        pytest.skip("root may write anywhere")
    agents.chmod(0o555)
    try:
        assert admin.put("/admin/agents/new", json={"folder": "4"}).status_code in (422, 503)
        answer = admin.delete("/admin/agents/it")
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "folder_unwritable")
    finally:
        agents.chmod(0o755)


def test_drained_and_back(admin: TestClient):
    assert admin.post("/admin/drain").json()["draining"]
    answer = admin.get("/readyz")
    assert (answer.status_code, answer.headers["connection"]) == (503, "close")
    assert answering(admin, "it") != 503
    assert not admin.post("/admin/undrain").json()["draining"]
    assert admin.get("/readyz").status_code == 200


def test_figures_of_a_process(admin: TestClient):
    answering(admin, "it")
    found = admin.get("/admin/stats").json()
    schema = admin.get("/openapi.json").json()["components"]["schemas"]["StateAnswer"]
    assert found.keys() == schema["properties"].keys()
    assert (found["known"], found["resident"], found["loads"]) == (3, 1, 1)


def test_processes_agree_when_all_have_the_same():
    shared = Shared(3)
    assert shared.agreed
    shared.tell("0123456789ab")
    assert not shared.agreed
    for place in (1, 2):
        shared.tell("0123456789ab", place)
    assert shared.agreed
    shared.tell("", 1)
    assert not shared.agreed
    assert not shared.draining
    shared.draining = True
    assert shared.draining and not shared.agreed


def test_lists_in_the_environment(tmp_path: Path):
    given = {"INTENT_ADAPTERS_ADMIN_ORGANISATIONS": "org, other", "INTENT_ADAPTERS_ADMIN_TOKEN": ADMIN}
    assert read_settings({"agents": tmp_path, "base": "b"}, None, given).admin_organisations == ("org", "other")


def test_a_token_is_not_for_both(tmp_path: Path):
    with pytest.raises(ConfigError, match="one of its own") as caught:
        Settings(agents=tmp_path, base="b", token=ADMIN, admin_token=ADMIN).tokens()
    assert ADMIN not in str(caught.value)
