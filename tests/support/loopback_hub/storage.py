"""What the Hub keeps: content by its hash, immutable commits, and branches and tags that point at them."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property

COMMIT = re.compile(r"[0-9a-f]{40}")
LFS_ENDINGS = (".safetensors", ".bin", ".pt", ".onnx", ".pkl", ".pickle", ".h5", ".npz", ".model", ".zip", ".png")
LFS_SIZE = 10 * 1024 * 1024
GIT_ATTRIBUTES = "".join(f"*{ending} filter=lfs diff=lfs merge=lfs -text\n" for ending in LFS_ENDINGS).encode()


class NotThere(Exception):
    """No such revision or file."""


@dataclass(frozen=True)
class File:
    """One version of one file.

    Attributes:
        content: The bytes, those of an LFS file too.
        lfs: Whether git keeps only a pointer.
    """

    content: bytes = field(repr=False)
    lfs: bool

    @property
    def size(self) -> int:
        return len(self.content)

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def pointer(self) -> bytes:
        """What git keeps of an LFS file."""
        return f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {self.size}\n".encode()

    @cached_property
    def blob_id(self) -> str:
        """The git hash: of the content, or of the pointer to it."""
        return git_hash(self.pointer if self.lfs else self.content)

    @property
    def etag(self) -> str:
        """What the Hub's clients file the content under."""
        return self.sha256 if self.lfs else self.blob_id


@dataclass(frozen=True)
class Commit:
    """A revision: never changed after it was made."""

    oid: str
    parent: str | None
    files: Mapping[str, File] = field(repr=False)
    title: str
    message: str
    author: str
    date: datetime

    @property
    def iso_date(self) -> str:
        return self.date.strftime("%Y-%m-%dT%H:%M:%S.000Z")


@dataclass
class Repo:
    """A model repository.

    Attributes:
        id: `owner/name`.
        private: Only the owner and the members of the owning organisation know of it.
        gated: Everyone sees it, only `readers` and its owners can read its files.
        received: Large files by their hash, before the client has had them checked.
        uploads: Large files by their hash, ready to be committed.
    """

    id: str
    private: bool = False
    gated: str | bool = False
    readers: set[str] = field(default_factory=set)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    commits: dict[str, Commit] = field(default_factory=dict)
    received: dict[str, bytes] = field(default_factory=dict, repr=False)
    uploads: dict[str, bytes] = field(default_factory=dict, repr=False)
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    @property
    def owner(self) -> str:
        return self.id.partition("/")[0]

    @property
    def head(self) -> Commit:
        return self.commits[self.branches["main"]]

    def commit_at(self, revision: str) -> Commit:
        """The commit that a branch, a tag or a full hash names.

        Raises:
            NotThere: None does.
        """
        revision = revision.removeprefix("refs/heads/").removeprefix("refs/tags/")
        oid = self.branches.get(revision) or self.tags.get(revision) or revision
        if oid not in self.commits:
            raise NotThere(revision)
        return self.commits[oid]

    def add_commit(self, branch: str, files: Mapping[str, File], title: str, author: str, message: str = "") -> Commit:
        """Make a commit of the whole tree `files` and move `branch` to it, in one step."""
        with self.lock:
            parent = self.branches.get(branch)
            # A clock of its own, one minute a commit: dates differ, and the same calls make the same hashes.
            date = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=len(self.commits))
            tree = {path: file.blob_id for path, file in sorted(files.items())}
            facts = json.dumps([self.id, parent, tree, title, message, author, date.isoformat()])
            oid = hashlib.sha1(facts.encode()).hexdigest()
            commit = Commit(oid, parent, dict(files), title, message, author, date)
            self.commits[oid] = commit
            self.branches[branch] = oid
            return commit

    def new_pull_request(self, branch: str) -> str:
        """The name of a new branch for changes that are proposed to `branch`."""
        number = 1 + sum(name.startswith("refs/pr/") for name in self.branches)
        self.branches[f"refs/pr/{number}"] = self.branches[branch]
        return f"refs/pr/{number}"

    def history(self, revision: str) -> list[Commit]:
        """The commits up to a revision, newest first."""
        commits: list[Commit] = []
        oid: str | None = self.commit_at(revision).oid
        while oid is not None:
            commits.append(self.commits[oid])
            oid = self.commits[oid].parent
        return commits


class Storage:
    """The repositories, by id. Ids differ by more than case, as on the Hub."""

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self._lock = threading.RLock()

    def create(self, repo_id: str, private: bool, author: str) -> Repo | None:
        """A new repository with its first commit, or None if there is one of that name."""
        with self._lock:
            if any(other.lower() == repo_id.lower() for other in self.repos):
                return None
            repo = Repo(repo_id, private=private)
            repo.add_commit("main", {".gitattributes": File(GIT_ATTRIBUTES, False)}, "initial commit", author)
            self.repos[repo_id] = repo
            return repo

    def delete(self, repo_id: str) -> None:
        with self._lock:
            self.repos.pop(repo_id, None)

    def everything(self) -> list[tuple[str, bytes]]:
        """Every version of every file, with where it is."""
        return [
            (f"{repo.id}@{commit.oid}/{path}", file.content)
            for repo in self.repos.values()
            for commit in repo.commits.values()
            for path, file in commit.files.items()
        ]


def git_hash(content: bytes) -> str:
    """The name of a blob in git."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def is_lfs(path: str, size: int) -> bool:
    """Whether a file goes to the large file storage."""
    return path.endswith(LFS_ENDINGS) or size > LFS_SIZE
