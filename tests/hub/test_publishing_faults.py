"""Publishing over a network that fails: the repository holds the old state or the new one, and never a token."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from intent_adapters import IntentModel
from intent_adapters.artifacts.fingerprint import fingerprint
from intent_adapters.errors import HubError
from intent_adapters.hub import problems
from tests.hub.published import CARD, CONFIG, TEXTS, WEIGHTS, make_base
from tests.support.adapters import random_adapter
from tests.support.loopback_hub import CorruptedUpload, Cut, LoopbackHub, Slow, Status, connect
from tests.support.loopback_hub.faults import Fault

PARTS = {CONFIG, WEIGHTS, CARD, ".gitattributes"}
PLACES = {
    "creation": "/api/repos/create",
    "description": "/api/models/org/clinic*",
    "card check": "/api/validate-yaml",
    "upload modes": "*/preupload/*",
    "upload instructions": "*.git/info/lfs/objects/batch",
    "upload": "/lfs-upload/*",
    "upload check": "*.git/info/lfs/verify",
    "commit": "*/commit/main",
}
FAULTS: dict[str, Fault] = {
    "500": Status(500),
    "429": Status(429, retry_after=1),
    "no answer": Cut(after=None),
    "cut off": Cut(after=5),
    "slow": Slow(seconds=0.2),
}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return make_base(tmp_path_factory.mktemp("base"))


@pytest.fixture
def model(base, hub: LoopbackHub, monkeypatch) -> IntentModel:
    monkeypatch.setattr(problems, "PAUSES", (0.0, 0.0))
    model = IntentModel(base)
    model.push_base("org/base")
    model.add_agent("clinic", random_adapter(base, 4, base_fingerprint=fingerprint(base)))
    hub.log.clear()
    return model


def is_whole(hub: LoopbackHub, model: IntentModel) -> bool:
    """Whether what is published is the agent, ready to be loaded; if not, nothing at all may be there."""
    repo = hub.storage.repos.get("org/clinic")
    if repo is None or set(repo.head.files) == {".gitattributes"}:
        return False
    assert set(repo.head.files) == PARTS
    model.load_adapter("org/clinic", name="again")
    again, clinic = (model.predict(TEXTS, agents=name) for name in ("again", "clinic"))
    model.unload_adapter("again")
    return [answer.top_k for answer in again] == [answer.top_k for answer in clinic]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", FAULTS)
def test_one_fault_while_an_agent_is_published(kind, place, hub: LoopbackHub, model):
    planned = hub.faults.add(FAULTS[kind], PLACES[place])
    try:
        model.push_adapter("clinic", "org/clinic")
    except HubError as error:
        assert "org/clinic" in str(error)
        hub.faults.clear()
        is_whole(hub, model)  # or nothing
        model.push_adapter("clinic", "org/clinic")
    assert planned.hits == 1
    assert is_whole(hub, model)
    assert len(hub.storage.repos["org/clinic"].history("main")) == 2, "one commit, whatever went wrong"


@pytest.mark.parametrize("place", PLACES)
def test_a_fault_that_stays_is_said_and_changes_nothing(place, hub: LoopbackHub, model):
    hub.faults.add(Status(503), PLACES[place], times=None)
    with pytest.raises(HubError, match=r"org/clinic"):
        model.push_adapter("clinic", "org/clinic")
    hub.faults.clear()
    assert not is_whole(hub, model)
    model.push_adapter("clinic", "org/clinic")
    assert is_whole(hub, model)


def test_an_upload_that_is_damaged_on_its_way_is_not_committed(hub: LoopbackHub, model):
    hub.faults.add(CorruptedUpload(), PLACES["upload"], times=None)
    with pytest.raises(HubError, match=r"org/clinic"):
        model.push_adapter("clinic", "org/clinic")
    hub.faults.clear()
    assert not is_whole(hub, model)
    model.push_adapter("clinic", "org/clinic")
    assert is_whole(hub, model)


def test_a_new_version_replaces_the_old_one_whole_or_not_at_all(hub: LoopbackHub, base, model):
    model.push_adapter("clinic", "org/clinic")
    before = hub.files("org/clinic")
    model.unload_adapter("clinic")
    model.add_agent("clinic", random_adapter(base, 6, seed=9, base_fingerprint=fingerprint(base)))
    for place in ("upload", "upload check", "commit"):
        hub.faults.add(Status(503), PLACES[place], times=None)
        with pytest.raises(HubError):
            model.push_adapter("clinic", "org/clinic")
        assert hub.files("org/clinic") == before
        hub.faults.clear()
    model.push_adapter("clinic", "org/clinic")
    assert len(json.loads(hub.files("org/clinic")[CONFIG])["labels"]) == 6
    assert is_whole(hub, model)


def test_pushing_the_same_again_makes_no_commit(hub: LoopbackHub, model):
    model.push_adapter("clinic", "org/clinic")
    head = hub.storage.repos["org/clinic"].head.oid
    model.push_adapter("clinic", "org/clinic")
    assert hub.storage.repos["org/clinic"].head.oid == head


def test_two_who_push_at_once_do_not_mix(hub: LoopbackHub, base, model):
    model.push_adapter("clinic", "org/clinic")
    models = []
    for seed in range(4):
        other = IntentModel(base, name="org/base", revision=hub.storage.repos["org/base"].head.oid)
        other.add_agent("clinic", random_adapter(base, 3 + seed, seed, base_fingerprint=fingerprint(base)))
        models.append(other)

    def push(other: IntentModel) -> str:
        try:
            other.push_adapter("clinic", "org/clinic")
        except HubError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(push, models))
    assert "" in said
    assert all("someone else" in error for error in said if error)
    for commit in hub.storage.repos["org/clinic"].history("main")[:-1]:
        loaded = model.load_adapter("org/clinic", name="c", replace=True, revision=commit.oid)
        assert len(model.labels(loaded)) in range(3, 8)


def as_reader(hub: LoopbackHub) -> str | None:
    return hub.add_user("carl", role="read", orgs=("org",))


def as_stranger(hub: LoopbackHub) -> str | None:
    return hub.add_user("eve")


def as_nobody(hub: LoopbackHub) -> str | None:
    return None


def as_forger(hub: LoopbackHub) -> str | None:
    return "hf_thisTokenIsWrong0000"


@pytest.mark.parametrize(
    ("who", "cure"), [(as_reader, "write"), (as_stranger, "token"), (as_nobody, "log"), (as_forger, "token")]
)
def test_without_the_right_to_write(
    who: Callable[[LoopbackHub], str | None], cure: str, hub: LoopbackHub, model, tmp_path, monkeypatch
):
    token = who(hub)
    connect(hub, tmp_path / "other", monkeypatch, token=token)
    with pytest.raises(HubError, match=rf"(?s)org/clinic.*{cure}") as caught:
        model.push_adapter("clinic", "org/clinic")
    assert token is None or token not in str(caught.value)
    assert "org/clinic" not in hub.storage.repos


def test_what_is_published_tells_nothing_about_its_makers_machine(hub: LoopbackHub, model, tmp_path: Path):
    model.push_adapter("clinic", "org/clinic", private=True)
    assert hub.storage.repos["org/clinic"].private
    (token,) = hub.accounts.tokens
    for where, content in hub.storage.everything():
        for secret in (token, str(tmp_path), str(Path.home()), str(tmp_path.parent)):
            assert secret.encode() not in content or secret == "/", where
    assert hub.log.leaks(token) == []
