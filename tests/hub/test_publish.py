from __future__ import annotations

import json
import logging

import pytest
from huggingface_hub import HfApi

from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.bottleneck import Provenance
from intent_adapters.data import Definition, EntityDefinitions
from intent_adapters.errors import AdapterError, BaseMismatchError, ConfigError, HubError
from intent_adapters.hub import CardFacts, adapter_folder, problems, publish_adapter
from tests.hub.support import Base, base
from tests.support.loopback_hub import LoopbackHub, Status, connect

__all__ = ["base"]


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    monkeypatch.setattr(problems, "PAUSES", (0.0, 0.0))


@pytest.fixture
def based(hub: LoopbackHub, base: Base):
    base.publish()
    hub.log.clear()
    return hub


def card_of(hub: LoopbackHub, repo: str, revision: str = "main") -> str:
    return hub.files(repo, revision)["README.md"].decode()


def commits(hub: LoopbackHub, repo: str) -> int:
    return len(HfApi().list_repo_commits(repo))


def test_an_agent_is_three_files_in_one_commit(based, base: Base):
    published = base.publish_agent(facts=CardFacts(license="mit"), commit_message="First clinic")
    files = based.files("org/clinic", "main")
    assert set(files) - {".gitattributes"} == {"README.md", "adapter_config.json", "adapter_model.safetensors"}
    assert published.repo_id == "org/clinic"
    assert published.commit == based.storage.repos["org/clinic"].branches["main"]
    assert published.commit in published.url
    assert len(based.log.find("*/commit/*", "POST")) == 1
    assert HfApi().list_repo_commits("org/clinic")[0].title == "First clinic"
    assert "license: mit" in card_of(based, "org/clinic")


def test_what_an_agent_finds_is_a_fourth_file_that_goes_when_it_finds_nothing_any_more(based, base: Base):
    cities = EntityDefinitions({"city": Definition({"Seoul": ("서울",)})})
    publish_adapter(base.adapter().with_entities(cities), "org/clinic", base="org/base")
    assert "entities.json" in based.files("org/clinic", "main")
    assert Adapter.read(adapter_folder("org/clinic")).entities == cities
    base.publish_agent()
    assert "entities.json" not in based.files("org/clinic", "main")
    assert Adapter.read(adapter_folder("org/clinic")).entities is None


def test_an_agent_names_its_base_by_id_and_commit_and_no_path_of_this_machine(based, base: Base):
    adapter = base.adapter(base_model_name_or_path="/home/ada/secret/base")
    published = publish_adapter(adapter, "org/clinic", base="org/base")
    config = json.loads(based.files("org/clinic", "main")["adapter_config.json"])
    head = based.storage.repos["org/base"].branches["main"]
    assert (config["base_model_name_or_path"], config["revision"]) == ("org/base", head)
    assert (published.base, published.base_revision) == ("org/base", head)
    assert all(b"secret" not in content for content in based.files("org/clinic", "main").values())
    assert adapter.config.base_model_name_or_path == "/home/ada/secret/base"


def test_a_base_that_is_pinned_already_stays_so(based, base: Base):
    adapter = base.adapter(base_model_name_or_path="org/elsewhere", revision="b" * 40)
    assert publish_adapter(adapter, "org/clinic").base_revision == "b" * 40
    assert publish_adapter(base.adapter(), "org/it", loaded_base=("org/base", "c" * 40)).base_revision == "c" * 40


@pytest.mark.parametrize("named", [None, "/home/ada/base", "."])
def test_an_agent_whose_base_nobody_could_find_is_not_published(based, base: Base, named):
    with pytest.raises(ConfigError, match=r"push_base.*base="):
        publish_adapter(base.adapter(base_model_name_or_path=named), "org/clinic")
    assert "org/clinic" not in based.storage.repos


def test_a_base_that_is_another_one_or_not_there_is_refused(based, base: Base):
    stranger = base.adapter()
    stranger.config.provenance = Provenance("f" * 64)
    with pytest.raises(BaseMismatchError, match="ffffffffffff"):
        publish_adapter(stranger, "org/clinic", base="org/base")
    with pytest.raises(HubError, match="org/nowhere"):
        publish_adapter(base.adapter(), "org/clinic", base="org/nowhere")
    assert "org/clinic" not in based.storage.repos


def test_publishing_the_same_again_makes_no_commit(based, base: Base):
    first = base.publish_agent()
    before = commits(based, "org/clinic")
    assert base.publish_agent().commit == first.commit
    assert commits(based, "org/clinic") == before
    assert base.publish_agent(seed=1).commit != first.commit


def test_private_branch_tag_and_pull_request(based, base: Base, tmp_path, monkeypatch):
    base.publish_agent(private=True, tag="v1")
    assert based.storage.repos["org/clinic"].private
    base.publish_agent(seed=1, revision="next")
    proposed = base.publish_agent(seed=2, create_pr=True)
    assert "discussions" in proposed.url
    digests = {
        name: Adapter.read(adapter_folder("org/clinic", revision=name)).digest
        for name in ("main", "v1", "next", "refs/pr/1")
    }
    expected = dict(zip(digests, (base.adapter(seed).digest for seed in (0, 0, 1, 2)), strict=True))
    assert digests == expected
    connect(based, tmp_path / "bob", monkeypatch, token=based.add_user("bob"))
    with pytest.raises(AdapterError, match="has no access"):
        adapter_folder("org/clinic")
    with pytest.raises(HubError, match="org/clinic"):
        publish_adapter(base.adapter(), "org/clinic", base="org/base")


def test_what_should_be_private_is_not_pushed_to_a_public_repository(based, base: Base):
    base.publish_agent()
    head = based.storage.repos["org/clinic"].branches["main"]
    with pytest.raises(HubError, match="public"):
        base.publish_agent(seed=1, private=True)
    assert based.storage.repos["org/clinic"].branches["main"] == head


def test_what_was_written_on_the_hub_stays(based, base: Base):
    base.publish_agent(facts=CardFacts(texts=12))
    files = based.files("org/clinic", "main")
    edited = files["README.md"].decode().replace("# clinic\n", "# Our clinic\n\nOpen until six.\n")
    based.put("org/clinic", {**files, "README.md": edited.encode(), "pictures/door.png": b"png"})
    base.publish_agent(seed=1)
    card = card_of(based, "org/clinic")
    assert "Open until six." in card
    assert "12 utterances" not in card
    assert based.files("org/clinic", "main")["pictures/door.png"] == b"png"


def test_a_local_card_comes_before_the_one_on_the_hub_which_is_said(based, base: Base, caplog):
    base.publish_agent()
    files = based.files("org/clinic", "main")
    based.put("org/clinic", {**files, "README.md": files["README.md"] + b"\nOn the Hub.\n"})
    with caplog.at_level(logging.WARNING):
        base.publish_agent(readme="# clinic\n\nAt home.\n")
    assert "At home." in card_of(based, "org/clinic")
    assert "On the Hub." not in card_of(based, "org/clinic")
    assert "org/clinic" in caplog.text


def test_stale_weights_of_a_base_are_removed(hub, base: Base):
    hub.put("org/base", {"config.json": b"{}", "model-00001-of-00002.safetensors": b"old", "notes.md": b"kept"})
    base.publish()
    files = set(hub.files("org/base", "main"))
    assert "model.safetensors" in files
    assert "notes.md" in files
    assert not any("00001-of-" in name for name in files)


def test_a_push_that_fails_changes_nothing_and_may_be_repeated(based, base: Base):
    base.publish_agent()
    head = based.storage.repos["org/clinic"].branches["main"]
    based.faults.add(Status(500), "*/commit/*", method="POST", times=None)
    with pytest.raises(HubError, match="'org/clinic'"):
        base.publish_agent(seed=1)
    assert based.storage.repos["org/clinic"].branches["main"] == head
    based.faults.clear()
    based.faults.add(Status(503), "*/commit/*", method="POST")
    base.publish_agent(seed=1)
    assert Adapter.read(adapter_folder("org/clinic")).digest == base.adapter(1).digest


@pytest.mark.parametrize("role", ["read", None])
def test_who_may_not_write_is_told_so(based, base: Base, tmp_path, monkeypatch, role):
    token = based.add_user("bob", role="read", orgs=("org",)) if role else "hf_" + "wrong" * 6
    with pytest.raises(HubError, match="token") as caught:
        base.publish_agent(token=token)
    assert token not in str(caught.value)


@pytest.mark.parametrize(
    ("repo", "options"),
    [
        ("a/b/c", {}),
        ("", {}),
        ("org/..", {}),
        ("org/clinic", {"create_pr": True, "tag": "v1"}),
        ("org/clinic", {"create_pr": True, "revision": "x"}),
        ("org/clinic", {"revision": "a b"}),
        ("org/clinic", {"tag": "-x"}),
    ],
)
def test_calls_that_make_no_sense_are_refused_before_anything_is_done(based, base: Base, repo, options):
    with pytest.raises(ConfigError):
        base.publish_agent(repo, **options)
    assert not [entry for entry in based.log if entry.method == "POST"]


def test_the_client_accepts_the_cards(based, base: Base):
    base.publish_agent(facts=CardFacts(language="ko", license="mit"))
    assert based.log.find("*/validate-yaml", "POST")
    info = HfApi().model_info("org/clinic")
    assert {"base_model:adapter:org/base", "license:mit", "intent-adapters"} <= set(info.tags)
