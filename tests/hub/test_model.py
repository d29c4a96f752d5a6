"""What users do: A publishes, B loads, with nothing but the names."""

from __future__ import annotations

import pytest
import torch
from huggingface_hub import constants

from intent_adapters import IntentModel, train_agent
from intent_adapters.errors import AgentError, BaseMismatchError, ConfigError, HubError
from intent_adapters.hub import CardFacts, list_agents, problems
from intent_adapters.loading import load_base
from tests.hub.support import Base, base, python_blocks
from tests.support.loopback_hub import LoopbackHub, Status, connect

__all__ = ["base"]

TEXTS = ["예약 취소해 주세요", "how much is it?", "진료비", "cancel"]
ROWS = [
    {"text": text, "label": label}
    for label, texts in {
        "cancel": ["예약 취소", "cancel it", "취소해 주세요"],
        "cost": ["진료비 얼마", "how much"],
    }.items()
    for text in texts
]


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    monkeypatch.setattr(problems, "PAUSES", (0.0, 0.0))


@pytest.fixture
def model(base: Base) -> IntentModel:
    model = IntentModel.from_pretrained(base.folder, device="cpu")
    for seed in range(6):
        model.add_agent(f"agent{seed}", base.adapter(seed, base_model_name_or_path=str(base.folder)))
    return model


def somebody_else(hub: LoopbackHub, tmp_path, monkeypatch) -> None:
    connect(hub, tmp_path / "bob", monkeypatch, token=hub.add_user("bob", role="read"))
    hub.log.clear()


def test_what_b_loads_answers_to_the_bit_as_at_a_and_nothing_more_is_downloaded(
    hub: LoopbackHub, model: IntentModel, base: Base, tmp_path, monkeypatch
):
    model.push_base("org/base")
    for agent in model.agents:
        model.push_adapter(agent, f"org/{agent}")
    somebody_else(hub, tmp_path, monkeypatch)
    other = IntentModel.from_pretrained("org/base", device="cpu")
    for agent in ("agent0", "agent3", "agent5"):
        other.load_adapter(f"org/{agent}")
        assert other.predict(TEXTS, agent) == model.predict(TEXTS, agent)
    names = ["agent0", "agent3", "agent5", "agent0"]
    assert other.predict(TEXTS, names) == model.predict(TEXTS, names)
    loaded = ["org/base", "org/agent0", "org/agent3", "org/agent5"]
    expected = {
        f"{repo}/{name}": len(content)
        for repo in loaded
        for name, content in hub.files(repo, "main").items()
        if name != ".gitattributes"
    }
    assert hub.log.bytes_by_path() == expected
    hub.log.clear()
    again = IntentModel.from_pretrained(adapter={"a": "org/agent0", "b": "org/agent3"}, device="cpu")
    assert again.agents == ("a", "b")
    assert hub.log.bytes_by_path() == {}


def test_an_adapter_alone_is_enough(hub, model, tmp_path, monkeypatch):
    pushed = model.push_base("org/base")
    model.push_adapter("agent1", "org/clinic", private=True)
    connect(hub, tmp_path / "eve", monkeypatch, token=hub.add_user("eve", role="read", orgs=("org",)))
    hub.log.clear()
    other = IntentModel.from_pretrained(adapter="org/clinic", device="cpu")
    assert other.agents == ("clinic",)
    assert (other.base_name, other.base_revision) == ("org/base", pushed.commit)
    mine, theirs = model.predict(TEXTS, "agent1"), other.predict(TEXTS)
    assert [answer.top_k for answer in theirs] == [answer.top_k for answer in mine]
    configs = [
        entry for entry in hub.log.find("*/org/clinic/resolve/*/adapter_config.json", "GET") if entry.is_content
    ]
    assert len(configs) == 1


def test_the_base_is_the_pinned_one_whatever_is_pushed_later(hub, model, base, tmp_path, monkeypatch):
    first = model.push_base("org/base")
    model.push_adapter("agent1", "org/clinic")
    stranger = IntentModel(load_base(base.folder, device="cpu"))
    with torch.no_grad():
        next(stranger.base.parameters()).add_(0.5)
    second = IntentModel(stranger.base).push_base("org/base")
    assert second.commit != first.commit
    somebody_else(hub, tmp_path, monkeypatch)
    other = IntentModel.from_pretrained(adapter="org/clinic", device="cpu")
    assert other.fingerprint == model.fingerprint
    newest = IntentModel.from_pretrained("org/base", device="cpu")
    assert newest.base_revision == second.commit
    with pytest.raises(BaseMismatchError, match=r"'clinic' was trained on the base 'org/base'"):
        newest.load_adapter("org/clinic")
    assert newest.agents == ()


def test_agents_trained_on_a_base_of_the_hub_record_id_and_commit(hub, model):
    pushed = model.push_base("org/base")
    loaded = IntentModel.from_pretrained("org/base", device="cpu")
    train_agent(loaded, "clinic", ROWS, epochs=1, progress=False)
    config = loaded.adapter("clinic").config
    assert (config.base_model_name_or_path, config.revision) == ("org/base", pushed.commit)
    published = loaded.push_adapter("clinic", "org/clinic", facts=CardFacts(license="mit").with_rows(ROWS))
    assert (published.base, published.base_revision) == ("org/base", pushed.commit)
    assert [agent.repo_id for agent in list_agents("org/base")] == ["org/clinic"]
    assert list_agents("org/base")[0].base_fingerprint == loaded.fingerprint


def test_agents_of_a_local_base_need_to_know_where_it_is_on_the_hub(hub, model, base):
    with pytest.raises(ConfigError, match="push_base"):
        model.push_adapter("agent1", "org/clinic")
    assert "org/clinic" not in hub.storage.repos
    base.publish("org/elsewhere")
    assert model.push_adapter("agent1", "org/clinic", base="org/elsewhere").base == "org/elsewhere"
    with pytest.raises(AgentError):
        model.push_adapter("nobody", "org/nobody")


def test_an_evicted_agent_comes_back_as_it_was_without_a_network(hub, model, tmp_path, monkeypatch):
    model.push_base("org/base")
    for agent in ("agent0", "agent1"):
        model.push_adapter(agent, f"org/{agent}")
    somebody_else(hub, tmp_path, monkeypatch)
    other = IntentModel.from_pretrained("org/base", device="cpu")
    other.load_adapter("org/agent0")
    before = other.predict(TEXTS, "agent0")
    connect(hub, tmp_path / "bob", monkeypatch, token=hub.add_user("carl", orgs=("org",)))
    model.push_adapter("agent1", "org/agent0")
    hub.faults.add(Status(500), times=None)
    assert other.adapter("agent0").digest == model.adapter("agent0").digest
    assert other.predict(TEXTS, "agent0") == before


def test_revision_and_subfolder(hub, model, base, tmp_path, monkeypatch):
    model.push_base("org/base")
    model.push_adapter("agent0", "org/clinic", tag="v1")
    model.push_adapter("agent1", "org/clinic")
    files = hub.files("org/clinic", "v1")
    hub.put("org/many", {f"agents/clinic/{name}": content for name, content in files.items()})
    expected = [answer.top_k for answer in model.predict(TEXTS, "agent0")]
    for adapter, options in (
        ("org/clinic", {"revision": "v1"}),
        ("org/many", {"subfolder": "agents/clinic"}),
    ):
        other = IntentModel.from_pretrained(adapter=adapter, device="cpu", **options)
        assert other.agents == ("clinic",)
        assert [answer.top_k for answer in other.predict(TEXTS)] == expected
        other.load_adapter(adapter, name="again", **options)
        assert [answer.top_k for answer in other.predict(TEXTS, "again")] == expected
    with pytest.raises(ConfigError, match="load_adapter"):
        IntentModel.from_pretrained(adapter={"a": "org/clinic"}, revision="v1")
    with pytest.raises(ConfigError):
        IntentModel.from_pretrained(subfolder="x")


def test_offline(hub, model, monkeypatch):
    model.push_base("org/base")
    model.push_adapter("agent0", "org/clinic")
    IntentModel.from_pretrained("org/base", adapter="org/clinic", device="cpu")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    hub.log.clear()
    assert IntentModel.from_pretrained(adapter="org/clinic", device="cpu").predict(TEXTS)
    assert IntentModel.from_pretrained("org/base", device="cpu", local_files_only=True).base_name == "org/base"
    assert len(hub.log) == 0


def test_the_usage_of_both_cards_runs(hub, model, tmp_path, monkeypatch, capsys):
    model.push_base("org/base")
    examples = {"intent 0": "예약 취소", "intent 1": 'say "no"'}
    model.push_adapter("agent0", "org/clinic", facts=CardFacts(examples=examples))
    somebody_else(hub, tmp_path, monkeypatch)
    for repo, count in (("org/clinic", 2), ("org/base", 2)):
        blocks = python_blocks(hub.files(repo, "main")["README.md"].decode())
        assert len(blocks) == count
        for block in blocks:
            exec(compile(block, f"card of {repo}", "exec"), {})
    shown = capsys.readouterr().out.splitlines()
    answer = model.predict("예약 취소", "agent0")
    assert shown[0] == f"{answer.label} {answer.score} {answer.in_scope}"
    assert shown[1] == "(1, 32)"


def test_a_push_without_the_right_is_an_error_of_ours(hub, model, tmp_path, monkeypatch):
    model.push_base("org/base")
    somebody_else(hub, tmp_path, monkeypatch)
    with pytest.raises(HubError, match="org/clinic"):
        model.push_adapter("agent0", "org/clinic")
    with pytest.raises(HubError, match="org/base"):
        model.push_base("org/base")


def test_nothing_shows_a_token(hub, model):
    model.push_base("org/base")
    model.push_adapter("agent0", "org/clinic")
    token = hub.add_user("eve", role="read")
    other = IntentModel.from_pretrained(adapter="org/clinic", device="cpu", token=token)
    other.register_adapter("org/clinic", name="later", token=token)
    assert token not in repr(other) + repr(vars(other))
