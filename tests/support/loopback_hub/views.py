"""Repositories, files and commits as the API describes them."""

from __future__ import annotations

from typing import Any

from tests.support.loopback_hub.cards import card_of, tags_of
from tests.support.loopback_hub.storage import Commit, File, Repo


def model_view(repo: Repo, commit: Commit, *, blobs: bool = False) -> dict[str, Any]:
    """What `model_info` gets."""
    data, _ = card_of(commit)
    view: dict[str, Any] = {
        "_id": commit.oid[:24],
        "id": repo.id,
        "modelId": repo.id,
        "author": repo.owner,
        "sha": commit.oid,
        "lastModified": commit.iso_date,
        "createdAt": repo.history(commit.oid)[-1].iso_date,
        "private": repo.private,
        "gated": repo.gated,
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        "usedStorage": sum(file.size for file in commit.files.values()),
        "tags": tags_of(commit),
        "siblings": [_sibling(path, file, blobs) for path, file in commit.files.items()],
    }
    if data:
        view["cardData"] = data
    for key in ("library_name", "pipeline_tag", "model-index"):
        if data.get(key):
            view[key] = data[key]
    return view


def file_view(path: str, file: File) -> dict[str, Any]:
    """A file in a listing."""
    view: dict[str, Any] = {"type": "file", "oid": file.blob_id, "size": file.size, "path": path}
    if file.lfs:
        view["lfs"] = {"oid": file.sha256, "size": file.size, "pointerSize": len(file.pointer)}
    return view


def folder_view(path: str) -> dict[str, Any]:
    """A folder in a listing; its hash is of no use to anyone here."""
    return {"type": "directory", "oid": "0" * 40, "size": 0, "path": path}


def commit_view(commit: Commit) -> dict[str, Any]:
    """A commit in the history."""
    return {
        "id": commit.oid,
        "title": commit.title,
        "message": commit.message,
        "authors": [{"user": commit.author, "avatar": ""}],
        "date": commit.iso_date,
    }


def _sibling(path: str, file: File, blobs: bool) -> dict[str, Any]:
    view: dict[str, Any] = {"rfilename": path}
    if blobs:
        view |= {"size": file.size, "blobId": file.blob_id}
        if file.lfs:
            view["lfs"] = {"sha256": file.sha256, "size": file.size, "pointerSize": len(file.pointer)}
    return view
