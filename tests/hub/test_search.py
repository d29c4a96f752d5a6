from __future__ import annotations

import pytest

from intent_adapters.errors import ConfigError, HubError
from intent_adapters.hub import CardFacts, list_agents, problems
from tests.hub.support import Base, base
from tests.support.loopback_hub import LoopbackHub, Status, connect

__all__ = ["base"]


@pytest.fixture
def agents(hub: LoopbackHub, base: Base):
    base.publish()
    base.publish_agent("org/clinic", facts=CardFacts(language="ko", license="mit"))
    base.publish_agent("org/it", seed=1, private=True)
    base.publish_agent("ada/hr", seed=2)
    return hub


def test_all_agents_of_a_base_are_found_by_its_tag(agents, base: Base):
    agents.put("org/other", {"README.md": b"---\nbase_model: org/base\nbase_model_relation: adapter\n---\n# Not ours"})
    found = list_agents("org/base")
    assert [agent.repo_id for agent in found] == ["ada/hr", "org/clinic", "org/it"]
    clinic = found[1]
    assert (clinic.intents, clinic.language, clinic.license) == (3, ("ko",), "mit")
    assert clinic.base_fingerprint == base.fingerprint
    assert clinic.commit == agents.storage.repos["org/clinic"].branches["main"]
    assert [agent.private for agent in found] == [False, False, True]
    assert list_agents("org/another") == []


def test_by_author_by_name_and_so_many(agents):
    assert [agent.repo_id for agent in list_agents("org/base", author="ada")] == ["ada/hr"]
    assert [agent.repo_id for agent in list_agents("org/base", search="clin")] == ["org/clinic"]
    assert len(list_agents("org/base", limit=2)) == 2


def test_private_agents_are_for_their_owners(agents, tmp_path, monkeypatch):
    connect(agents, tmp_path / "bob", monkeypatch, token=agents.add_user("bob"))
    assert [agent.repo_id for agent in list_agents("org/base")] == ["ada/hr", "org/clinic"]


def test_cards_by_others_may_say_anything(agents, base: Base):
    strange = "---\nbase_model: org/base\nbase_model_relation: adapter\ntags: [intent-adapters]\n{}---\n"
    for number, own in enumerate(
        ("", "intent_adapters: 3\n", "intent_adapters: {intents: many}\nlanguage: [ko, en]\n")
    ):
        agents.put(f"org/x{number}", {"README.md": strange.format(own).encode()})
    found = {agent.repo_id: agent for agent in list_agents("org/base", search="x")}
    assert [agent.intents for agent in found.values()] == [None, None, None]
    assert found["org/x2"].language == ("ko", "en")
    assert all(isinstance(agent.to_dict(), dict) for agent in found.values())


def test_problems_are_ours(agents, base: Base, monkeypatch):
    monkeypatch.setattr(problems, "PAUSES", (0.0, 0.0))
    with pytest.raises(ConfigError, match="Hub id"):
        list_agents(str(base.folder))
    agents.faults.add(Status(500), times=None)
    with pytest.raises(HubError, match="org/base"):
        list_agents("org/base")


def test_without_a_network_that_is_said_in_the_time_of_three_requests(hub: LoopbackHub, monkeypatch):
    monkeypatch.setattr(problems, "PAUSES", (0.0, 0.0))
    hub.faults.add(Status(503), times=None)
    hub.log.clear()
    with pytest.raises(HubError, match="org/base"):
        list_agents("org/base")
    assert len(hub.log) == 3
