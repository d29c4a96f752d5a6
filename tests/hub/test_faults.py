"""Networks, proxies and servers fail: loading tries again or says what to do, and half is never taken for whole."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from intent_adapters import IntentModel
from intent_adapters.errors import AdapterError, BaseError, IntentAdaptersError
from intent_adapters.hub import problems
from tests.hub.published import CONFIG, TEXTS, WEIGHTS, make_adapter, make_base, put_all, read_folder
from tests.support.loopback_hub import (
    Corrupted,
    Cut,
    LoopbackHub,
    Slow,
    Status,
    Truncated,
    WrongETag,
    WrongLength,
    connect,
)
from tests.support.loopback_hub.faults import Fault
from tests.support.loopback_hub.messages import Request, Response


@pytest.fixture(scope="module")
def base_folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("base")


@pytest.fixture(scope="module")
def base(base_folder):
    return make_base(base_folder)


@pytest.fixture(scope="module")
def adapter_files(base, tmp_path_factory):
    return make_adapter(tmp_path_factory.mktemp("agents") / "clinic", base)


@pytest.fixture(scope="module")
def wanted(base, tmp_path_factory):
    """What the agent answers when nothing goes wrong."""
    folder = tmp_path_factory.mktemp("wanted") / "clinic"
    make_adapter(folder, base)
    model = IntentModel(base)
    model.load_adapter(folder)
    return model.predict(TEXTS, agents="clinic")


@pytest.fixture(autouse=True)
def published(hub: LoopbackHub, base_folder, base, adapter_files, monkeypatch):
    put_all(hub, read_folder(base_folder / "saved"), adapter_files)
    monkeypatch.setattr(problems, "PAUSES", (0.0, 0.0))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DOWNLOAD_TIMEOUT", 0.3)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_ETAG_TIMEOUT", 0.3)


@pytest.fixture
def model(base) -> IntentModel:
    return IntentModel(base)


def bad_blobs(home: Path) -> list[str]:
    """Files of the cache whose content is not what their name, a hash, says; and what was left half done."""
    bad = [path.name for path in home.rglob("*.incomplete")]
    for path in (home / "hub").glob("models--*/blobs/*"):
        content = path.read_bytes()
        hashes = {hashlib.sha256(content).hexdigest(), hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()}
        bad += [] if path.name in hashes else [path.name]
    links = [path for path in (home / "hub").glob("models--*/snapshots/**/*") if path.is_symlink()]
    return bad + [str(path) for path in links if not path.exists()]


FAULTS: dict[str, Fault] = {
    "500": Status(500),
    "503": Status(503),
    "429": Status(429, retry_after=1),
    "cut off at the start": Cut(after=0),
    "cut off in the middle": Cut(after=200),
    "no answer": Cut(after=None),
    "truncated": Truncated(0.7),
    "empty": Truncated(0.0),
    "corrupted": Corrupted(0.9),
    "too long a length": WrongLength(by=7),
    "too short a length": WrongLength(by=-7),
    "wrong ETag": WrongETag("0" * 64),
    "dripping": Slow(drip=4000, pause=0.005),
    "stuck": Slow(seconds=0.8),
}
ADAPTER_PLACES = {
    "description": "/api/models/org/clinic*",
    "config": f"*/clinic/*/{CONFIG}",
    "weights": f"*/clinic/*/{WEIGHTS}",
}
BASE_PLACES = {
    "description": "/api/models/org/base*",
    "config": "*/base/*/config.json",
    "weights": "*/base/*/model.safetensors",
}


@pytest.mark.parametrize("place", ADAPTER_PLACES)
@pytest.mark.parametrize("kind", FAULTS)
def test_one_fault_while_an_adapter_is_loaded(kind, place, hub: LoopbackHub, model, wanted, tmp_path):
    """Once: it is got over, or it is said; in any case the second attempt succeeds and the cache is sound."""
    planned = hub.faults.add(FAULTS[kind], ADAPTER_PLACES[place])
    try:
        model.load_adapter("org/clinic")
    except AdapterError as error:
        assert "org/clinic" in str(error)
        assert model.agents == ()
        model.load_adapter("org/clinic")
    assert planned.hits == 1
    assert model.predict(TEXTS, agents="clinic") == wanted
    assert [name for name in bad_blobs(tmp_path / "hf-home") if name != "0" * 64] == []


@pytest.mark.parametrize("place", ADAPTER_PLACES)
@pytest.mark.parametrize("kind", ["500", "429", "cut off in the middle", "truncated", "corrupted", "stuck"])
def test_a_fault_that_stays_is_said_and_leaves_nothing(
    kind, place, hub: LoopbackHub, model, wanted, tmp_path, monkeypatch
):
    monkeypatch.setattr("huggingface_hub.file_download._ETAG_RETRY_TIMEOUT", 0.3, raising=False)
    planned = hub.faults.add(FAULTS[kind], ADAPTER_PLACES[place], method="GET", times=None)
    with pytest.raises(AdapterError, match=r"org/clinic") as caught:
        model.load_adapter("org/clinic")
    assert planned.hits > 1, "it was tried again"
    assert "hf_" not in str(caught.value)
    assert model.agents == ()
    assert bad_blobs(tmp_path / "hf-home") == []
    hub.faults.clear()
    model.load_adapter("org/clinic")
    assert model.predict(TEXTS, agents="clinic") == wanted


@pytest.mark.parametrize("place", BASE_PLACES)
@pytest.mark.parametrize("kind", FAULTS)
def test_one_fault_while_a_base_is_loaded(kind, place, hub: LoopbackHub, base, wanted, tmp_path):
    planned = hub.faults.add(FAULTS[kind], BASE_PLACES[place])
    try:
        model = IntentModel.from_pretrained("org/base", adapter="org/clinic")
    except BaseError as error:
        assert "org/base" in str(error)
        model = IntentModel.from_pretrained("org/base", adapter="org/clinic")
    assert planned.hits == 1
    assert model.predict(TEXTS) == wanted
    assert [name for name in bad_blobs(tmp_path / "hf-home") if name != "0" * 64] == []


@pytest.mark.parametrize("kind", ["500", "truncated", "corrupted"])
def test_a_base_that_never_comes_whole_is_refused(kind, hub: LoopbackHub, tmp_path):
    hub.faults.add(FAULTS[kind], BASE_PLACES["weights"], method="GET", times=None)
    with pytest.raises(BaseError, match="org/base"):
        IntentModel.from_pretrained("org/base")
    assert bad_blobs(tmp_path / "hf-home") == []
    hub.faults.clear()
    IntentModel.from_pretrained("org/base")


def test_two_files_with_one_etag_do_not_become_one(hub: LoopbackHub, model, wanted):
    """A proxy that gives every file the same ETag makes the client keep them as one file."""
    hub.faults.add(WrongETag("e" * 40), "*/clinic/*", times=None)
    for _ in range(2):
        try:
            model.load_adapter("org/clinic", replace=True)
        except AdapterError as error:
            assert "org/clinic" in str(error)
        else:
            assert model.predict(TEXTS, agents="clinic") == wanted
    hub.faults.clear()
    model.load_adapter("org/clinic", replace=True)
    assert model.predict(TEXTS, agents="clinic") == wanted


@pytest.mark.parametrize("missing", [CONFIG, WEIGHTS])
def test_a_part_of_a_repo_is_not_taken_for_the_whole(missing, hub: LoopbackHub, model, wanted, monkeypatch):
    """The download broke off in between; without a network the rest cannot be had."""
    hub.faults.add(Status(500), f"*/{missing}", method="GET", times=None)
    with pytest.raises(AdapterError):
        model.load_adapter("org/clinic")
    for offline in ({"local_files_only": True}, {}):
        hub.faults.clear()
        hub.faults.add(Cut(after=None), times=None)
        with pytest.raises(AdapterError, match="org/clinic"):
            model.load_adapter("org/clinic", **offline)
    hub.faults.clear()
    model.load_adapter("org/clinic")
    assert model.predict(TEXTS, agents="clinic") == wanted


def test_without_a_network_the_cache_does(hub: LoopbackHub, model, wanted, caplog):
    model.load_adapter("org/clinic", name="first")
    hub.faults.add(Cut(after=None), times=None)
    model.load_adapter("org/clinic", name="second")
    assert "cache" in caplog.text
    model.load_adapter("org/clinic", name="third", local_files_only=True)
    hub.faults.clear()
    hub.log.clear()
    model.load_adapter("org/clinic", name="fourth", local_files_only=True)
    assert len(hub.log) == 0
    for name in ("first", "second", "third", "fourth"):
        assert [answer.top_k for answer in model.predict(TEXTS, agents=name)] == [answer.top_k for answer in wanted]


def test_the_cache_does_not_stand_in_for_a_refusal(hub: LoopbackHub, model, tmp_path, monkeypatch):
    """Access was taken away: what is in the cache is not a way round that, unless offline use is asked for."""
    model.load_adapter("org/clinic", name="first")
    hub.storage.repos["org/clinic"].private = True
    monkeypatch.setenv("HF_TOKEN", hub.add_user("eve"))
    with pytest.raises(AdapterError, match=r"org/clinic.*(private|access)"):
        model.load_adapter("org/clinic", name="second")
    monkeypatch.setenv("HF_TOKEN", "hf_expiredOrWrong0000")
    with pytest.raises(AdapterError, match=r"org/clinic.*token") as caught:
        model.load_adapter("org/clinic", name="third")
    assert "hf_expired" not in str(caught.value)
    assert model.agents == ("first",)


class Pushed(Fault):
    """Someone pushes a new version between two of our requests."""

    def __init__(self, hub: LoopbackHub, versions: list[dict[str, bytes]]) -> None:
        self.hub = hub
        self.versions = versions

    def change(self, request: Request, response: Response) -> Response:
        if self.versions:
            self.hub.put("org/clinic", self.versions.pop())
        return response


def versions(base, folder: Path, count: int) -> list[dict[str, bytes]]:
    return [make_adapter(folder / str(seed), base, seed, labels=5) for seed in range(1, count + 1)]


@pytest.mark.parametrize("count", [1, 2, 20])
def test_versions_are_not_mixed(count, hub: LoopbackHub, base, model, tmp_path):
    hub.faults.add(Pushed(hub, versions(base, tmp_path / "versions", count)), "*org/clinic*", times=None)
    try:
        model.load_adapter("org/clinic")
    except AdapterError as error:
        assert count > 2
        assert "changed again and again" in str(error)
    else:  # the digest ties config and weights together: a mixture is not loaded
        assert len(model.labels("clinic")) in (4, 5)


def test_a_commit_is_the_same_for_ever(hub: LoopbackHub, base, model, wanted, tmp_path):
    first = hub.storage.repos["org/clinic"].head.oid
    hub.put("org/clinic", versions(base, tmp_path / "versions", 1)[0])
    model.load_adapter("org/clinic", name="old", revision=first)
    model.load_adapter("org/clinic", name="new")
    assert [answer.top_k for answer in model.predict(TEXTS, agents="old")] == [answer.top_k for answer in wanted]
    assert len(model.labels("new")) == 5


def test_errors_name_the_repo_the_revision_and_the_cure(hub: LoopbackHub, model, tmp_path, monkeypatch):
    cases = {
        ("org/nothing", None): r"org/nothing.*(spelling|private)",
        ("org/clinic", "v9"): r"org/clinic.*v9.*(branch|revision)",
    }
    for (repo, revision), message in cases.items():
        with pytest.raises(AdapterError, match=message):
            model.load_adapter(repo, revision=revision)
    hub.storage.repos["org/clinic"].gated = "manual"
    connect(hub, tmp_path / "eve", monkeypatch, token=hub.add_user("eve"))
    with pytest.raises(AdapterError, match=r"org/clinic.*gated.*[Aa]sk for access"):
        model.load_adapter("org/clinic")
    connect(hub, tmp_path / "nobody", monkeypatch, token=None)
    with pytest.raises(AdapterError, match=r"org/clinic.*gated"):
        model.load_adapter("org/clinic")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(AdapterError, match=r"org/clinic.*offline"):
        model.load_adapter("org/clinic")
    with pytest.raises(BaseError, match=r"org/base.*offline"):
        IntentModel.from_pretrained("org/base")


def test_nobody_is_listening(hub: LoopbackHub, model, monkeypatch):
    for server in hub._servers:
        server.shutdown()
        server.close()
    with pytest.raises(AdapterError, match=r"org/clinic.*(reached|network)"):
        model.load_adapter("org/clinic")


def test_tokens_show_nowhere(hub: LoopbackHub, model, tmp_path, monkeypatch, caplog, capfd):
    """Not in errors, logs, output, the cache, or on the way to the content server."""
    caplog.set_level("DEBUG")
    token = hub.add_user("bob")
    connect(hub, tmp_path / "bob", monkeypatch, token=None)
    hub.storage.repos["org/clinic"].private = True
    hub.storage.repos["org/clinic"].readers.add("bob")
    errors = []
    for fault in (None, Status(500), Corrupted(), Cut(after=None)):
        if fault is not None:
            hub.faults.add(fault, times=None)
        try:
            model.load_adapter("org/clinic", name=str(len(errors)), token=token)
        except IntentAdaptersError as error:
            errors.append(error)
            seen: BaseException | None = error
            while seen is not None:
                assert token not in f"{seen}{seen!r}{vars(seen)}"
                seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
        hub.faults.clear()
    assert errors
    assert any(entry.user == "bob" for entry in hub.log)
    assert hub.log.leaks(token) == []
    assert token not in caplog.text + "".join(capfd.readouterr())
    for path in (tmp_path / "bob").rglob("*"):
        assert not path.is_file() or token.encode() not in path.read_bytes()
