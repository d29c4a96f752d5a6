"""Commits: whole or not at all."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tests.support.loopback_hub.messages import Refused, Request, Response, json_response
from tests.support.loopback_hub.routing import commit_at, proposable_repo, route, writable_repo
from tests.support.loopback_hub.storage import File, Repo

if TYPE_CHECKING:
    from tests.support.loopback_hub.server import LoopbackHub


@route("POST", "/api/models/{repo}/commit/{rev}")
def commit(hub: LoopbackHub, request: Request, repo: str, rev: str) -> Response:
    as_pull_request = "create_pr" in request.query
    found = (proposable_repo if as_pull_request else writable_repo)(hub, request, repo)
    operations = [json.loads(line) for line in request.body.splitlines() if line.strip()]
    header = next((item["value"] for item in operations if item["key"] == "header"), None)
    if not header or not header.get("summary"):
        raise Refused(400, "a commit needs a summary")
    with found.lock:
        if rev not in found.branches:
            raise Refused(404, f"Invalid rev id: {rev}", "RevisionNotFound")
        parent = header.get("parentCommit")
        if parent is not None and commit_at(found, parent).oid != found.branches[rev]:
            raise Refused(412, "A commit has happened since. Please refresh and try again.")
        files = dict(commit_at(found, rev).files)
        _apply(found, files, (item for item in operations if item["key"] != "header"))
        assert request.account is not None
        branch = found.new_pull_request(rev) if as_pull_request else rev
        made = found.add_commit(branch, files, header["summary"], request.account.name, header.get("description", ""))
    url = f"{hub.endpoint}/{repo}"
    answer = {"success": True, "commitOid": made.oid, "commitUrl": f"{url}/commit/{made.oid}", "hookOutput": ""}
    if as_pull_request:
        answer["pullRequestUrl"] = f"{url}/discussions/{branch.rpartition('/')[2]}"
    return json_response(answer)


def _apply(repo: Repo, files: dict[str, File], operations: Iterable[dict[str, Any]]) -> None:
    for operation in operations:
        key, value = operation["key"], operation["value"]
        path = _checked_path(value["path"])
        if key == "file":
            files[path] = File(base64.b64decode(value["content"], validate=True), lfs=False)
        elif key == "lfsFile":
            if value["oid"] not in repo.uploads:
                raise Refused(400, f"an LFS pointer points to a file that does not exist: {path}")
            files[path] = File(repo.uploads[value["oid"]], lfs=True)
        elif key == "deletedFile":
            if files.pop(path, None) is None:
                raise Refused(404, f"A file with this name doesn't exist: {path}", "EntryNotFound")
        elif key == "deletedFolder":
            for name in [name for name in files if name.startswith(f"{path.rstrip('/')}/")]:
                del files[name]
        else:
            raise Refused(400, f"unknown operation {key!r}")


def _checked_path(path: str) -> str:
    if not path or path.startswith("/") or "\\" in path or {"..", ".git", ""} & set(path.rstrip("/").split("/")):
        raise Refused(400, f"Invalid path {path!r}")
    return path
