from __future__ import annotations

import logging
import traceback

import pytest
from huggingface_hub import constants

from intent_adapters import IntentModel
from intent_adapters.artifacts import contents
from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.errors import AdapterError, BaseError
from intent_adapters.hub import adapter_folder, fetch_base, problems
from intent_adapters.hub.fetching import fetch_either
from intent_adapters.loading import load_base, load_onnx_base
from tests.hub.support import Base, base
from tests.support.loopback_hub import Corrupted, Cut, LoopbackHub, Status, connect

__all__ = ["base"]

ADAPTER_FILES = {"README.md", "adapter_config.json", "adapter_model.safetensors"}


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    monkeypatch.setattr(problems, "PAUSES", (0.0, 0.0))


@pytest.fixture
def published(hub: LoopbackHub, base: Base, tmp_path, monkeypatch):
    """A base and an agent on the Hub, and an empty cache."""
    base.publish()
    base.publish_agent()
    connect(hub, tmp_path / "b", monkeypatch, token=hub.add_user("bob", role="read"))
    hub.log.clear()
    return hub


def add_files(hub: LoopbackHub, repo: str, **files: bytes) -> None:
    stored = hub.files(repo, "main")
    hub.put(repo, {**stored, **{name.replace("__", "/"): content for name, content in files.items()}})


def test_only_what_is_read_is_downloaded_and_only_once(published, base):
    hub = published
    former = {f"versions/1/{name}": b"x" for name in ADAPTER_FILES}
    others = {"notes.txt": b"x" * 999, "adapter_model.bin": b"evil", **former}
    hub.put("org/clinic", {**hub.files("org/clinic", "main"), **others})
    hub.put(
        "org/base",
        {**hub.files("org/base", "main"), "pytorch_model.bin": b"evil", "onnx/encoder_int8.onnx": b"x" * 999},
    )
    adapter = Adapter.read(adapter_folder("org/clinic"))
    assert adapter.digest == base.adapter().digest
    assert set(hub.log.bytes_by_path()) == {f"org/clinic/{name}" for name in ADAPTER_FILES}
    expected = {f"org/clinic/{name}": len(hub.files("org/clinic", "main")[name]) for name in ADAPTER_FILES}
    assert hub.log.bytes_by_path() == expected
    hub.log.clear()
    folder = fetch_base("org/base").folder
    fetched = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert fetched == set(hub.files("org/base", "main")) - {
        "pytorch_model.bin",
        "onnx/encoder_int8.onnx",
        ".gitattributes",
    }
    hub.log.clear()
    adapter_folder("org/clinic")
    fetch_base("org/base")
    assert hub.log.bytes_by_path() == {}


def test_the_graphs_of_an_onnx_base_come_instead_of_its_weights_and_nobody_elses(published):
    stored = published.files("org/base", "main")
    ours = {"onnx/encoder_int8.onnx": b"graph", "onnx/encoder_float32.onnx": b"graph"}
    published.put("org/base", {**stored, **ours, "onnx/model.onnx": b"x" * 999, "onnx/model.onnx_data": b"numbers"})
    folder = fetch_base("org/base", onnx=True).folder
    assert {path.name for path in (folder / "onnx").iterdir()} == {"encoder_int8.onnx", "encoder_float32.onnx"}
    assert not fetch_either("org/base", onnx=True)[1]
    assert not (folder / "model.safetensors").exists()


def test_the_commit_is_told_and_a_folder_has_none(published, base):
    assert fetch_base("org/base").commit == published.storage.repos["org/base"].branches["main"]
    assert fetch_base(base.folder).commit is None


def test_a_revision_is_a_branch_a_tag_or_a_commit(hub, base):
    base.publish()
    first = base.publish_agent(tag="v1")
    base.publish_agent(seed=1)
    base.publish_agent(seed=2, revision="next")
    digests = [
        Adapter.read(adapter_folder("org/clinic", revision=name)).digest
        for name in ("v1", first.commit, "main", "next")
    ]
    assert digests == [base.adapter(seed).digest for seed in (0, 0, 1, 2)]


def test_a_subfolder_of_a_repository_and_of_a_folder(published, base, tmp_path):
    files = published.files("org/clinic", "main")
    nested = {f"agents/clinic/{name}": files[name] for name in ADAPTER_FILES}
    published.put("org/many", nested)
    folder = adapter_folder("org/many", subfolder="agents/clinic")
    assert Adapter.read(folder).digest == base.adapter().digest
    assert adapter_folder("org/many", subfolder="agents/clinic", local_files_only=True) == folder
    Adapter.read(folder).write(tmp_path / "agents" / "clinic")
    assert adapter_folder(tmp_path, subfolder="agents/clinic") == tmp_path / "agents/clinic"
    with pytest.raises(AdapterError, match="agents/it"):
        adapter_folder("org/many", subfolder="agents/it")
    with pytest.raises(AdapterError, match="no folder 'agents/it'"):
        adapter_folder(tmp_path, subfolder="agents/it")


@pytest.mark.parametrize("subfolder", ["..", "a/../..", "/etc", "a\\b", "C:x", "~", "~root/x", "a\0b"])
def test_a_subfolder_does_not_lead_out(subfolder, tmp_path):
    with pytest.raises(AdapterError, match="leads out"):
        adapter_folder(tmp_path, subfolder=subfolder)


def test_unknown_keyword_arguments_are_named(tmp_path):
    calls = [
        lambda: IntentModel.from_pretrained(tmp_path, max_adapter_byte=5),
        lambda: IntentModel.from_pretrained(adapter={"a": tmp_path}, max_adapter_byte=5),
        lambda: load_base(tmp_path, max_adapter_byte=5),
        lambda: load_onnx_base(tmp_path, max_adapter_byte=5),
        lambda: adapter_folder(tmp_path, max_adapter_byte=5),
        lambda: fetch_either(tmp_path, max_adapter_byte=5),
    ]
    for call in calls:
        with pytest.raises(TypeError, match="max_adapter_byte"):
            call()


def test_agents_with_unknown_keyword_arguments_are_not_taken(base: Base, tmp_path):
    model = IntentModel(base.model)
    for call in (model.load_adapter, model.register_adapter):
        with pytest.raises(TypeError, match="nonsense"):
            call(tmp_path, name="clinic", nonsense=1)
    assert not model.agents


@pytest.mark.parametrize("local_files_only", [False, True])
def test_a_misspelt_folder_is_said_to_be_no_folder(hub: LoopbackHub, local_files_only: bool):
    hub.faults.add(Status(503), times=None)
    for load in (load_base, load_onnx_base):
        with pytest.raises(BaseError, match=r"^There is no folder 'nosuch' here") as caught:
            load("nosuch", local_files_only=local_files_only)
        assert "export" not in str(caught.value)


def test_offline_the_cache_is_enough_and_without_it_the_cure_is_named(published, monkeypatch):
    adapter_folder("org/clinic")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    published.log.clear()
    assert adapter_folder("org/clinic").is_dir()
    assert adapter_folder("org/clinic", local_files_only=True).is_dir()
    with pytest.raises(BaseError, match=r"'org/base'.*(offline|cache).*intent-adapters pull"):
        fetch_base("org/base")
    with pytest.raises(BaseError, match=r"'org/base'.*cache.*intent-adapters pull"):
        fetch_base("org/base", local_files_only=True)
    assert not published.log.downloads


def test_while_the_hub_is_out_of_reach_the_cache_is_used(published, caplog):
    folder = adapter_folder("org/clinic")
    published.faults.add(Status(503), times=None)
    with caplog.at_level(logging.WARNING):
        assert adapter_folder("org/clinic") == folder
    assert "cannot be reached" in caplog.text
    with pytest.raises(BaseError, match=r"org/base.*problem of its own.*503"):
        fetch_base("org/base")


def test_a_download_that_was_cut_off_is_never_taken_for_a_whole_one(published):
    published.faults.add(Cut(after=100), "*.safetensors", method="GET", times=None)
    with pytest.raises(AdapterError, match="org/clinic"):
        adapter_folder("org/clinic")
    with pytest.raises(AdapterError, match="incomplete"):
        adapter_folder("org/clinic", local_files_only=True)
    published.faults.clear()
    Adapter.read(adapter_folder("org/clinic"))


@pytest.mark.parametrize("name", ["adapter_config.json", "adapter_model.safetensors"])
def test_bytes_that_changed_on_the_way_are_fetched_again(published, base, name):
    published.faults.add(Corrupted(), f"*/{name}", method="GET")
    published.faults.add(Corrupted(), "*/lfs/*", method="GET")
    assert Adapter.read(adapter_folder("org/clinic")).digest == base.adapter().digest


def test_bytes_that_keep_changing_are_refused_and_not_kept(published, base):
    published.faults.add(Corrupted(), "*", method="GET", times=None, skip=0)
    with pytest.raises(AdapterError):
        adapter_folder("org/clinic")
    published.faults.clear()
    assert Adapter.read(adapter_folder("org/clinic")).digest == base.adapter().digest


def problem_of(call) -> str:
    with pytest.raises((AdapterError, BaseError)) as caught:
        call()
    return str(caught.value)


def test_every_refusal_names_the_repository_the_revision_and_the_cure(published, tmp_path, monkeypatch):
    hub = published
    assert "'org/nowhere'" in (text := problem_of(lambda: adapter_folder("org/nowhere")))
    assert "no such" in text
    assert "has no access" in text
    text = problem_of(lambda: adapter_folder("org/clinic", revision="v9"))
    assert "'org/clinic' (revision 'v9')" in text
    assert "branch, tag or commit" in text
    hub.storage.repos["org/clinic"].gated = "manual"
    text = problem_of(lambda: adapter_folder("org/clinic"))
    assert "gated" in text
    assert "Ask for access" in text
    hub.storage.repos["org/base"].private = True
    assert "has no access" in problem_of(lambda: fetch_base("org/base"))
    connect(hub, tmp_path / "out", monkeypatch, token=None)
    text = problem_of(lambda: fetch_base("org/base"))
    assert "not logged in" in text
    assert "hf auth login" in text
    text = problem_of(lambda: adapter_folder("org/clinic", token="hf_wrongwrongwrongwrong"))
    assert "does not accept the token" in text
    assert "wrongwrong" not in text
    assert "ORG/NAME" in problem_of(lambda: adapter_folder("no/such/folder"))
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("huggingface_hub.hf_api.api.endpoint", "http://127.0.0.1:9")
    assert "cannot be reached" in problem_of(lambda: adapter_folder("org/it"))


def test_things_of_another_kind_are_recognised(published):
    assert "It is an adapter" in problem_of(lambda: fetch_base("org/clinic"))
    assert "It looks like a base" in problem_of(lambda: adapter_folder("org/base"))
    published.put("org/else", {"README.md": b"# nothing"})
    assert "no adapter_config.json" in problem_of(lambda: adapter_folder("org/else"))
    assert fetch_either("org/clinic")[1]
    assert not fetch_either("org/base")[1]
    with pytest.raises(AdapterError, match="org/else"):
        fetch_either("org/else")


def test_pickles_are_named_and_never_fetched(published):
    config = published.files("org/clinic", "main")["adapter_config.json"]
    published.put("org/pickled", {"adapter_config.json": config, "adapter_model.bin": b"evil"})
    published.put("org/pickled-base", {"config.json": b"{}", "pytorch_model.bin": b"evil"})
    assert "adapter_model.bin" in problem_of(lambda: adapter_folder("org/pickled"))
    assert "pytorch_model.bin" in problem_of(lambda: fetch_base("org/pickled-base"))
    assert not published.log.downloads


def test_what_is_too_large_is_refused_before_it_is_downloaded(published, monkeypatch):
    monkeypatch.setitem(contents.ADAPTER.weights, r"adapter_model\.safetensors", 100)
    text = problem_of(lambda: adapter_folder("org/clinic"))
    assert "at most 100" in text
    assert "org/clinic" in text
    assert not published.log.downloads


@pytest.mark.parametrize("suffix", ["", "\nX-Evil: 1", " and more", "키"])
def test_a_token_is_in_no_error_and_no_log(published, caplog, suffix):
    secret = "hf_" + "s3cret" * 6
    with caplog.at_level(logging.DEBUG), pytest.raises(AdapterError, match="token") as caught:
        adapter_folder("org/clinic", token=secret + suffix)
    shown = "".join(traceback.format_exception(caught.value)) + caplog.text + repr(caught.value)
    assert "s3crets3cret" not in shown


def test_a_line_end_on_a_token_does_no_harm(published):
    token = published.add_user("eve", role="read", orgs=("org",))
    published.storage.repos["org/clinic"].private = True
    assert adapter_folder("org/clinic", token=f"{token}\n").is_dir()
    assert not published.log.leaks(token)
