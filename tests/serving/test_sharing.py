"""Agents that leave a server: as an archive, and to the Hub."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.errors import HubError
from intent_adapters.hub.publishing import Published
from intent_adapters.model import IntentModel
from tests.serving.conftest import Serve

ADMIN, HUB_TOKEN = "the-token-of-the-admin", "hf_a-secret-of-enough-letters"


@pytest.fixture
def admin(serve: Serve, base: Path) -> TestClient:
    client = serve(admin_token=ADMIN, train_base=str(base))
    client.headers["Authorization"] = f"Bearer {ADMIN}"
    return client


def test_an_archive_is_an_adapter_folder_with_its_card(admin: TestClient, agents: Path, tmp_path: Path):
    rows = [{"text": "a secret example", "label": "x"}]
    admin.put("/v1/agents/예약 상담/examples", json={"rows": rows})
    answer = admin.get("/v1/agents/예약 상담/archive")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    assert "%EC%98%88" in answer.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        archive.extractall(tmp_path / "fetched")
    [folder] = (tmp_path / "fetched").iterdir()
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
    ]
    assert Adapter.read(folder).version == Adapter.read(agents / "예약 상담").version
    assert "secret example" not in (folder / "README.md").read_text(encoding="utf-8")


def test_a_card_that_somebody_wrote_goes_along(admin: TestClient, agents: Path):
    (agents / "it" / "README.md").write_text("# 우리 에이전트\n", encoding="utf-8")
    with zipfile.ZipFile(io.BytesIO(admin.get("/v1/agents/it/archive").content)) as archive:
        assert archive.read("it/README.md").decode() == "# 우리 에이전트\n"


def test_publishing_goes_by_the_token_that_came_along(admin: TestClient, monkeypatch: pytest.MonkeyPatch):
    asked = []

    def push(model: IntentModel, agent: str, repository: str, **options: object) -> Published:
        asked.append((agent, repository, options))
        return Published(repository, "c" * 40, f"https://hub.example/{repository}")

    monkeypatch.setattr(IntentModel, "push_adapter", push)
    body = {"repository": "org/it", "token": HUB_TOKEN}
    answer = admin.post("/v1/agents/it/publish", json=body)
    assert answer.json() == {"repository": "org/it", "commit": "c" * 40, "url": "https://hub.example/org/it"}
    assert asked == [("it", "org/it", {"base": None, "private": True, "token": HUB_TOKEN})]
    for body in ({"repository": "org/it"}, {"repository": "org/it", "token": ""}):
        assert admin.post("/v1/agents/it/publish", json=body).status_code == 422
    assert len(asked) == 1, "the server's own token is never used"


def test_what_the_hub_refuses_is_said_without_the_token(admin: TestClient, monkeypatch: pytest.MonkeyPatch):
    def push(*_: object, **options: object) -> Published:
        raise HubError("Cannot push to 'org/it': the token may not do that.")

    monkeypatch.setattr(IntentModel, "push_adapter", push)
    answer = admin.post("/v1/agents/it/publish", json={"repository": "org/it", "token": HUB_TOKEN})
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "hub_refused")
    assert HUB_TOKEN not in answer.text


def test_a_base_that_is_on_no_hub_is_asked_for(admin: TestClient):
    answer = admin.post("/v1/agents/it/publish", json={"repository": "org/it", "token": HUB_TOKEN})
    assert answer.status_code == 422
    assert "base" in answer.json()["error"]["message"]
