"""The loopback Hub against the unmodified client: it behaves as the Hub, or the other tests would mean nothing."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationCopy,
    CommitOperationDelete,
    HfApi,
    ModelCard,
    hf_hub_download,
    snapshot_download,
)
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import get_session

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
    environment,
)

WEIGHTS = bytes(range(256)) * 400
CARD = b"""---
library_name: peft
base_model: org/base
base_model_relation: adapter
language: [ko, en]
license: apache-2.0
tags: [intent-adapters]
datasets: org/data
---
# An adapter, after https://arxiv.org/abs/2209.08402
"""
FILES = {"README.md": CARD, "adapter_config.json": b"{}", "adapter_model.safetensors": WEIGHTS}


def push(repo: str = "org/clinic", files: dict[str, bytes] = FILES, **options) -> str:
    api = HfApi()
    api.create_repo(repo, exist_ok=True)
    operations = [CommitOperationAdd(path, content) for path, content in files.items()]
    return api.create_commit(repo, operations, commit_message="push", **options).oid


def contents(folder: str) -> dict[str, bytes]:
    paths = [path for path in Path(folder).rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_what_is_pushed_comes_back(hub: LoopbackHub):
    oid = push()
    folder = snapshot_download("org/clinic")
    assert Path(folder).name == oid
    assert FILES.items() <= contents(folder).items()
    assert hub.files("org/clinic") == contents(folder)
    assert hub.log.bytes_by_path()["org/clinic/adapter_model.safetensors"] == len(WEIGHTS)


def test_a_whole_folder_can_be_pushed(hub: LoopbackHub, tmp_path: Path):
    for path, content in {**FILES, "onnx/model.onnx": b"onnx"}.items():
        (tmp_path / "up" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "up" / path).write_bytes(content)
    HfApi().create_repo("org/clinic")
    HfApi().upload_folder(repo_id="org/clinic", folder_path=tmp_path / "up")
    assert hub.files("org/clinic").items() >= {**FILES, "onnx/model.onnx": b"onnx"}.items()
    listed = HfApi().list_repo_tree("org/clinic")
    assert {entry.path for entry in listed} == {".gitattributes", *FILES, "onnx"}
    assert [entry.path for entry in HfApi().list_repo_tree("org/clinic", "onnx")] == ["onnx/model.onnx"]


def test_a_second_download_brings_no_content(hub: LoopbackHub):
    push()
    snapshot_download("org/clinic")
    hub.log.clear()
    snapshot_download("org/clinic")
    hf_hub_download("org/clinic", "README.md")
    assert len(hub.log) > 0
    assert hub.log.downloads == []


def test_tokens_stay_with_the_hub(hub: LoopbackHub):
    push()
    snapshot_download("org/clinic")
    (token,) = hub.accounts.tokens
    entries = list(hub.log)
    assert any(entry.cdn for entry in entries)
    assert all(entry.authorization is None for entry in entries if entry.cdn or entry.path.startswith("/lfs-upload"))
    assert any(entry.authorization == f"Bearer {token}" for entry in entries)
    assert hub.log.leaks(token) == []
    assert not [where for where, content in hub.storage.everything() if token.encode() in content]


def test_large_files_are_not_for_strangers(hub: LoopbackHub):
    push()
    path = f"{hub.cdn_endpoint}/content/org/clinic/main/adapter_model.safetensors"
    assert get_session().get(path).status_code == 403


def test_a_broken_download_is_resumed_where_it_broke(hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch):
    push()
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 500)
    fault = hub.faults.add(Cut(after=1000), "/content/*", times=2)
    path = hf_hub_download("org/clinic", "adapter_model.safetensors")
    assert Path(path).read_bytes() == WEIGHTS
    assert fault.hits == 2
    assert [entry.range for entry in hub.log.find("/content/*")] == [None, "bytes=1000-", "bytes=2000-"]
    assert hub.log.downloaded == len(WEIGHTS)


@pytest.mark.parametrize(
    ("header", "status", "content"),
    [
        ("bytes=0-9", 206, WEIGHTS[:10]),
        ("bytes=102390-", 206, WEIGHTS[-10:]),
        ("bytes=102390-999999", 206, WEIGHTS[-10:]),
        ("bytes=102400-", 416, b""),
        ("pages=1-2", 200, WEIGHTS),
    ],
)
def test_ranges(hub: LoopbackHub, header: str, status: int, content: bytes):
    hub.put("org/clinic", FILES)
    answer = get_session().get(
        f"{hub.endpoint}/org/clinic/resolve/main/adapter_model.safetensors", headers={"Range": header}
    )
    assert (answer.status_code, answer.content) == (status, content)


def test_metadata_is_that_of_git(hub: LoopbackHub):
    push()
    info = HfApi().model_info("org/clinic", files_metadata=True)
    files = {sibling.rfilename: sibling for sibling in info.siblings}
    assert files["adapter_config.json"].blob_id == hashlib.sha1(b"blob 2\0{}").hexdigest()
    assert files["adapter_model.safetensors"].lfs.sha256 == hashlib.sha256(WEIGHTS).hexdigest()
    assert files["adapter_model.safetensors"].size == len(WEIGHTS)
    blobs = Path(hf_hub_download("org/clinic", "adapter_config.json")).resolve()
    assert blobs.name == files["adapter_config.json"].blob_id


def test_revisions_do_not_change(hub: LoopbackHub):
    api = HfApi()
    first = push()
    api.create_tag("org/clinic", tag="v1", tag_message="the first")
    api.create_branch("org/clinic", branch="feature/new")
    second = push(files={"adapter_config.json": b'{"a": 1}'}, revision="feature/new")
    third = push(files={"adapter_config.json": b'{"a": 2}'})
    read = {
        revision: Path(hf_hub_download("org/clinic", "adapter_config.json", revision=revision)).read_bytes()
        for revision in ("main", "v1", "feature/new", first, second, third)
    }
    assert read["v1"] == read[first] == b"{}"
    assert read["feature/new"] == read[second] == b'{"a": 1}'
    assert read["main"] == read[third] == b'{"a": 2}'
    refs = api.list_repo_refs("org/clinic")
    assert {ref.name: ref.target_commit for ref in refs.branches} == {"main": third, "feature/new": second}
    assert {ref.name: ref.target_commit for ref in refs.tags} == {"v1": first}
    assert [commit.commit_id for commit in api.list_repo_commits("org/clinic")][:2] == [third, first]
    api.delete_tag("org/clinic", tag="v1")
    api.delete_branch("org/clinic", branch="feature/new")
    assert [ref.name for ref in api.list_repo_refs("org/clinic").branches] == ["main"]


def test_names_of_branches_and_tags_are_taken_once(hub: LoopbackHub):
    push()
    api = HfApi()
    for create, name in ((api.create_branch, "branch"), (api.create_tag, "tag")):
        create("org/clinic", **{name: "x"})
        create("org/clinic", **{name: "x"}, exist_ok=True)
        with pytest.raises(HfHubHTTPError, match="already exists"):
            create("org/clinic", **{name: "x"})


def test_a_commit_on_an_old_parent_is_refused(hub: LoopbackHub):
    parent = push()
    push(files={"a.txt": b"one"}, parent_commit=parent)
    with pytest.raises(HfHubHTTPError, match="A commit has happened since"):
        push(files={"a.txt": b"two"}, parent_commit=parent)
    assert hub.files("org/clinic")["a.txt"] == b"one"


def test_strangers_can_propose(hub: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    push()
    connect(hub, tmp_path / "eve", monkeypatch, token=hub.add_user("eve"))
    operations = [CommitOperationAdd("adapter_config.json", b"[]"), CommitOperationAdd("x.bin", b"x")]
    info = HfApi().create_commit("org/clinic", operations, commit_message="mine", create_pr=True)
    assert (info.pr_revision, info.pr_num) == ("refs/pr/1", 1)
    proposed = hf_hub_download("org/clinic", "adapter_config.json", revision=info.pr_revision)
    assert Path(proposed).read_bytes() == b"[]"
    assert hub.files("org/clinic")["adapter_config.json"] == b"{}"
    refs = HfApi().list_repo_refs("org/clinic", include_pull_requests=True)
    assert [ref.ref for ref in refs.pull_requests] == ["refs/pr/1"]
    assert [ref.name for ref in refs.branches] == ["main"]


def test_nothing_changed_makes_no_commit(hub: LoopbackHub):
    oid = push()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert push() == oid
    assert len(hub.storage.repos["org/clinic"].commits) == 2


def test_a_commit_can_delete_and_copy(hub: LoopbackHub):
    push(files={**FILES, "old/a.txt": b"a", "old/b.txt": b"b"})
    operations = [
        CommitOperationDelete("old/"),
        CommitOperationCopy("adapter_model.safetensors", "copy/adapter_model.safetensors"),
        CommitOperationCopy("adapter_config.json", "copy/adapter_config.json"),
    ]
    HfApi().create_commit("org/clinic", operations, commit_message="tidy")
    files = hub.files("org/clinic")
    assert files["copy/adapter_model.safetensors"] == WEIGHTS
    assert files["copy/adapter_config.json"] == b"{}"
    assert not [path for path in files if path.startswith("old/")]


def test_a_commit_is_whole_or_not_at_all(hub: LoopbackHub):
    push()
    before = hub.files("org/clinic")
    operations = [CommitOperationAdd("new.txt", b"new"), CommitOperationDelete("not-there.txt")]
    with pytest.raises(EntryNotFoundError):
        HfApi().create_commit("org/clinic", operations, commit_message="half")
    assert hub.files("org/clinic") == before


def test_a_large_file_that_was_damaged_on_the_way_is_refused(hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(
        "huggingface_hub.lfs.UploadInfo.from_bytes",
        classmethod(lambda cls, data: cls(size=len(data), sample=data[:512], sha256=b"0" * 32)),
    )
    HfApi().create_repo("org/clinic")
    with pytest.raises(RuntimeError, match=r"uploading 'adapter_model\.safetensors'"):
        push()
    assert set(hub.files("org/clinic")) == {".gitattributes"}


def test_many_commits_at_once_lose_nothing(hub: LoopbackHub):
    HfApi().create_repo("org/clinic")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: push(files={f"{n}.txt": b"%d" % n, f"{n}.bin": b"\0" * n}), range(1, 17)))
    files = hub.files("org/clinic")
    assert len(files) == 33
    assert len(hub.storage.repos["org/clinic"].history("main")) == 17


def test_names_in_any_script(hub: LoopbackHub):
    name = "폴더 하나/의도 (1)#?.safetensors"
    push(files={name: WEIGHTS})
    assert Path(hf_hub_download("org/clinic", name)).read_bytes() == WEIGHTS
    with pytest.raises(EntryNotFoundError):
        hf_hub_download("org/clinic", "없음.json")


def test_what_is_not_there(hub: LoopbackHub):
    push()
    with pytest.raises(EntryNotFoundError):
        hf_hub_download("org/clinic", "nothing.json")
    with pytest.raises(RevisionNotFoundError):
        snapshot_download("org/clinic", revision="v9")
    with pytest.raises(RevisionNotFoundError):
        push(revision="v9")
    with pytest.raises(RepositoryNotFoundError):
        HfApi().model_info("org/nothing")
    with pytest.raises(RepositoryNotFoundError):
        hf_hub_download("alone", "config.json")


def test_a_deleted_repo_is_gone(hub: LoopbackHub):
    push()
    HfApi().delete_repo("org/clinic")
    assert not HfApi().repo_exists("org/clinic")
    HfApi().delete_repo("org/clinic", missing_ok=True)


def test_a_name_is_taken_once(hub: LoopbackHub):
    HfApi().create_repo("org/clinic")
    with pytest.raises(HfHubHTTPError, match="409"):
        HfApi().create_repo("org/clinic")
    assert HfApi().create_repo("org/clinic", exist_ok=True).repo_id == "org/clinic"
    assert HfApi().create_repo("mine").repo_id == "ada/mine"


def test_who_am_i(hub: LoopbackHub):
    identity = HfApi().whoami()
    assert (identity["name"], [org["name"] for org in identity["orgs"]]) == ("ada", ["org"])
    with pytest.raises(HfHubHTTPError, match="Invalid user token"):
        HfApi().whoami(token="hf_wrong")
    with pytest.raises(HfHubHTTPError, match="Invalid credentials"):
        HfApi().model_info("org/clinic", token="hf_wrong")


@pytest.mark.parametrize("role", ["read", "stranger", None])
def test_writing_needs_the_right_to(hub: LoopbackHub, role: str | None, tmp_path: Path, monkeypatch):
    push()
    before = hub.files("org/clinic")
    tokens = {"read": hub.add_user("reader", role="read", orgs=("org",)), "stranger": hub.add_user("eve"), None: None}
    connect(hub, tmp_path / "other", monkeypatch, token=tokens[role])
    assert HfApi().model_info("org/clinic").sha
    for write in (
        lambda: HfApi().create_repo("org/other"),
        lambda: HfApi().create_commit("org/clinic", [CommitOperationAdd("a", b"a")], commit_message="a"),
        lambda: HfApi().create_tag("org/clinic", tag="a"),
        lambda: HfApi().delete_repo("org/clinic"),
        lambda: HfApi().update_repo_settings("org/clinic", private=True),
    ):
        with pytest.raises(HfHubHTTPError, match=r"401|403"):
            write()
    assert hub.files("org/clinic") == before


def test_a_private_repo_does_not_exist_for_others(hub: LoopbackHub, tmp_path: Path, monkeypatch):
    HfApi().create_repo("org/clinic", private=True)
    push()
    assert [info.id for info in HfApi().list_models()] == ["org/clinic"]
    snapshot_download("org/clinic")
    for number, token in enumerate([hub.add_user("eve"), None]):
        connect(hub, tmp_path / str(number), monkeypatch, token=token)
        assert list(HfApi().list_models()) == []
        with pytest.raises(RepositoryNotFoundError):
            snapshot_download("org/clinic")
        with pytest.raises(RepositoryNotFoundError):
            hf_hub_download("org/clinic", "README.md")
    HfApi().update_repo_settings("org/clinic", private=False, token=hub.accounts.tokens[0])
    snapshot_download("org/clinic")


def test_a_gated_repo_is_seen_but_not_read(hub: LoopbackHub, tmp_path: Path, monkeypatch):
    push()
    HfApi().update_repo_settings("org/clinic", gated="manual")
    snapshot_download("org/clinic")
    connect(hub, tmp_path / "eve", monkeypatch, token=hub.add_user("eve"))
    assert HfApi().model_info("org/clinic").gated == "manual"
    with pytest.raises(GatedRepoError):
        snapshot_download("org/clinic")
    with pytest.raises(GatedRepoError):
        HfApi().auth_check("org/clinic")
    hub.storage.repos["org/clinic"].readers.add("eve")
    assert FILES.items() <= contents(snapshot_download("org/clinic")).items()


def test_the_card_makes_the_tags(hub: LoopbackHub):
    push()
    info = HfApi().model_info("org/clinic")
    assert {
        "peft",
        "safetensors",
        "intent-adapters",
        "ko",
        "en",
        "dataset:org/data",
        "arxiv:2209.08402",
        "base_model:org/base",
        "base_model:adapter:org/base",
        "license:apache-2.0",
    } <= set(info.tags)
    assert (info.library_name, info.card_data.base_model, info.author) == ("peft", "org/base", "org")


def test_search(hub: LoopbackHub):
    for number in range(120):
        hub.put(f"org/agent-{number:03}", {"README.md": CARD, "adapter_model.safetensors": b""})
    hub.put("eve/other", {"README.md": CARD.replace(b"org/base", b"eve/base")})
    api = HfApi()
    ours = [info.id for info in api.list_models(filter="base_model:adapter:org/base")]
    assert sorted(ours) == [f"org/agent-{number:03}" for number in range(120)]
    assert len(hub.log.find("/api/models")) == 3, "three pages"
    assert {info.id for info in api.list_models(filter=["intent-adapters", "base_model:eve/base"])} == {"eve/other"}
    assert {info.id for info in api.list_models(author="eve")} == {"eve/other"}
    assert len(list(api.list_models(search="AGENT-01"))) == 10
    assert len(list(api.list_models(limit=7))) == 7
    (full,) = api.list_models(search="other", full=True, cardData=True)
    assert full.sha and full.card_data.language == ["ko", "en"] and full.siblings
    (brief,) = api.list_models(search="other", expand=["lastModified"])
    assert brief.last_modified and brief.tags is None


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ((b"language: [ko, en]", b"language: Korean!"), "language"),
        ((b"license: apache-2.0", b"license: mine"), "license"),
        ((b"adapter\nlang", b"stepchild\nlang"), "base_model_relation"),
        ((b"tags: [intent", b"tags: [1, intent"), "tags"),
        ((b"base_model: org/base", b"base_model: [org/base, a/b/c]"), "base_model"),
        ((b"tags: [", b"tags: [["), "YAML"),
        ((b"license: apache-2.0", b"model-index: [{name: x, results: [{task: {type: t}}]}]"), "dataset"),
        ((b"license: apache-2.0", b"pipeline_tag: intent-classification"), "pipeline_tag"),
    ],
)
def test_a_bad_card_is_refused(hub: LoopbackHub, change: tuple[bytes, bytes], problem: str):
    card = CARD.replace(*change)
    assert card != CARD
    with pytest.raises(ValueError, match=problem):
        push(files={"README.md": card})
    assert set(hub.files("org/clinic")) == {".gitattributes"}


@pytest.mark.skipif(huggingface_hub.__version__ < "2", reason="older clients ask huggingface.co, come what may")
def test_cards_can_be_checked_before_a_push(hub: LoopbackHub):
    ModelCard(CARD.decode()).validate()
    with pytest.raises(ValueError, match="license"):
        ModelCard(CARD.replace(b"apache-2.0", b"mine").decode()).validate()


def test_a_card_without_metadata_is_warned_of(hub: LoopbackHub):
    with pytest.warns(UserWarning, match="empty or missing yaml metadata"):
        push(files={"README.md": b"# Nothing"})


def test_another_process(hub: LoopbackHub, tmp_path: Path):
    """The environment variables alone, nothing patched; and what the client says is not in the way of its answer."""
    push()
    code = "import huggingface_hub as h; print(h.snapshot_download('org/clinic'))"
    hub.log.clear()
    made = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(hub, tmp_path / "other", token=hub.add_user("bob")),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert made.returncode == 0, made.stderr
    folder = made.stdout.strip()
    assert Path(folder).is_relative_to(tmp_path / "other")
    assert FILES.items() <= contents(folder).items()
    assert {entry.user for entry in hub.log if not entry.cdn} == {"bob"}


def test_status_fault(hub: LoopbackHub):
    push()
    fault = hub.faults.add(Status(503), "*/adapter_config.json", method="GET")
    with pytest.raises(HfHubHTTPError, match="503"):
        hf_hub_download("org/clinic", "adapter_config.json")
    assert fault.hits == 1
    assert Path(hf_hub_download("org/clinic", "adapter_config.json")).read_bytes() == b"{}"


def test_rate_limit_is_waited_for(hub: LoopbackHub):
    push()
    hub.faults.add(Status(429, retry_after=1), "*/adapter_config.json", method="GET", times=2)
    assert Path(hf_hub_download("org/clinic", "adapter_config.json")).read_bytes() == b"{}"
    assert [entry.status for entry in hub.log.find("*/adapter_config.json", "GET")] == [429, 429, 200]


def test_truncated_fault(hub: LoopbackHub):
    push()
    hub.faults.add(Truncated(), "/content/*", method="GET")
    with pytest.raises(OSError, match="Consistency check failed"):
        hf_hub_download("org/clinic", "adapter_model.safetensors")
    assert hub.log.downloaded == len(WEIGHTS) // 2


def test_wrong_length_fault(hub: LoopbackHub):
    push()
    hub.faults.add(WrongLength(by=10), "*/adapter_config.json", times=None)
    with pytest.raises(Exception, match=r"peer closed|Consistency|incomplete"):
        hf_hub_download("org/clinic", "adapter_config.json")


def test_corrupted_fault_gets_past_the_client(hub: LoopbackHub):
    push()
    hub.faults.add(Corrupted(), "/content/*", method="GET")
    got = Path(hf_hub_download("org/clinic", "adapter_model.safetensors")).read_bytes()
    assert len(got) == len(WEIGHTS)
    assert got != WEIGHTS


def test_wrong_etag_fault_gets_past_the_client(hub: LoopbackHub):
    push()
    hub.faults.add(WrongETag("1" * 64), "*/adapter_model.safetensors", method="HEAD", times=None)
    path = Path(hf_hub_download("org/clinic", "adapter_model.safetensors"))
    assert path.resolve().name == "1" * 64


def test_slow_fault(hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch):
    push()
    hub.faults.add(Slow(drip=40_000, pause=0.05), "/content/*")
    assert Path(hf_hub_download("org/clinic", "adapter_model.safetensors")).read_bytes() == WEIGHTS
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_ETAG_TIMEOUT", 0.1)
    hub.faults.add(Slow(seconds=0.5), "*/adapter_config.json", method="HEAD", times=None)
    monkeypatch.setattr("huggingface_hub.file_download._ETAG_RETRY_TIMEOUT", 0.1)
    with pytest.raises(LocalEntryNotFoundError):
        hf_hub_download("org/clinic", "adapter_config.json")


def test_a_commit_whose_answer_is_lost(hub: LoopbackHub):
    push()
    hub.faults.add(Cut(after=None), "*/commit/main")
    with pytest.raises(Exception, match=r"disconnected|closed|reset"):
        push(files={"a.txt": b"a"})
    assert hub.files("org/clinic")["a.txt"] == b"a"


def test_faults_choose_their_requests(hub: LoopbackHub):
    push()
    fault = hub.faults.add(Status(500), "*/a.json", skip=1, times=1)
    for _ in range(3):
        with pytest.raises(EntryNotFoundError):
            hf_hub_download("org/clinic", "b.json")
    assert fault.hits == 0
    statuses = [HfApi().file_exists("org/clinic", "a.json")]
    with pytest.raises(HfHubHTTPError):
        HfApi().file_exists("org/clinic", "a.json")
    statuses.append(HfApi().file_exists("org/clinic", "a.json"))
    assert statuses == [False, False]
    assert fault.hits == 1
