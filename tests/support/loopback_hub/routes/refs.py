"""Branches and tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.loopback_hub.messages import Refused, Request, Response, json_response
from tests.support.loopback_hub.routing import commit_at, find_repo, route, writable_repo
from tests.support.loopback_hub.views import commit_view

if TYPE_CHECKING:
    from tests.support.loopback_hub.server import LoopbackHub


@route("GET", "/api/models/{repo}/refs")
def list_refs(hub: LoopbackHub, request: Request, repo: str) -> Response:
    found = find_repo(hub, request, repo)
    refs = {
        kind: [
            {"name": name, "ref": f"{prefix}/{name}", "targetCommit": oid}
            for name, oid in names.items()
            if not name.startswith("refs/pr/")
        ]
        for kind, prefix, names in (
            ("branches", "refs/heads", found.branches),
            ("tags", "refs/tags", found.tags),
        )
    }
    pulls = [
        {"name": name.removeprefix("refs/pr/"), "ref": name, "targetCommit": oid}
        for name, oid in found.branches.items()
        if name.startswith("refs/pr/")
    ]
    return json_response({**refs, "converts": [], "pullRequests": pulls})


@route("GET", "/api/models/{repo}/commits/{rev}")
def list_commits(hub: LoopbackHub, request: Request, repo: str, rev: str) -> Response:
    found = find_repo(hub, request, repo)
    return json_response([commit_view(commit) for commit in found.history(commit_at(found, rev).oid)])


@route("POST", "/api/models/{repo}/branch/{name}")
def create_branch(hub: LoopbackHub, request: Request, repo: str, name: str) -> Response:
    found = writable_repo(hub, request, repo)
    start = commit_at(found, request.json().get("startingPoint") or "main")
    if name in found.branches:
        raise Refused(409, f'Reference "refs/heads/{name}" already exists')
    found.branches[name] = start.oid
    return json_response({"ref": f"refs/heads/{name}"}, 201)


@route("DELETE", "/api/models/{repo}/branch/{name}")
def delete_branch(hub: LoopbackHub, request: Request, repo: str, name: str) -> Response:
    found = writable_repo(hub, request, repo)
    if name == "main" or found.branches.pop(name, None) is None:
        raise Refused(404, f"No branch {name} to delete", "RevisionNotFound")
    return Response(200, b"OK")


@route("POST", "/api/models/{repo}/tag/{rev}")
def create_tag(hub: LoopbackHub, request: Request, repo: str, rev: str) -> Response:
    found = writable_repo(hub, request, repo)
    commit, tag = commit_at(found, rev), str(request.json()["tag"])
    if tag in found.tags:
        raise Refused(409, f'Tag reference "refs/tags/{tag}" already exists')
    found.tags[tag] = commit.oid
    return json_response({"ref": f"refs/tags/{tag}"})


@route("DELETE", "/api/models/{repo}/tag/{name}")
def delete_tag(hub: LoopbackHub, request: Request, repo: str, name: str) -> Response:
    if writable_repo(hub, request, repo).tags.pop(name, None) is None:
        raise Refused(404, f"No tag {name}", "RevisionNotFound")
    return Response(200, b"OK")
