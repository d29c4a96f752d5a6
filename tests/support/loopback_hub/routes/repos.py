"""Making, changing and deleting repositories."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.support.loopback_hub.accounts import can_write
from tests.support.loopback_hub.messages import Refused, Request, Response, json_response
from tests.support.loopback_hub.routing import readable_repo, route, writable_repo

if TYPE_CHECKING:
    from tests.support.loopback_hub.server import LoopbackHub

NAME = re.compile(r"(?!.*(--|\.\.))[A-Za-z0-9_][\w.-]{0,95}(?<![.-])")


@route("POST", "/api/repos/create")
def create_repo(hub: LoopbackHub, request: Request) -> Response:
    payload = request.json()
    if request.account is None:
        raise Refused(401, "Invalid username or password.")
    owner = payload.get("organization") or request.account.name
    repo_id = f"{owner}/{payload['name']}"
    if payload.get("type", "model") != "model":
        raise Refused(400, "this Hub keeps models only")
    if not NAME.fullmatch(payload["name"]):
        raise Refused(400, f"Invalid repo name: {payload['name']}")
    if not can_write(request.account, owner):
        raise Refused(403, f'You don\'t have the rights to create a model under the namespace "{owner}"')
    repo = hub.storage.create(repo_id, _private(payload) or False, request.account.name)
    url = f"{hub.endpoint}/{repo_id}"
    if repo is None:
        raise Refused(409, "You already created this model repo", url=url)
    return json_response({"url": url, "name": repo_id, "id": repo.head.oid[:24]})


@route("DELETE", "/api/repos/delete")
def delete_repo(hub: LoopbackHub, request: Request) -> Response:
    payload = request.json()
    owner = payload.get("organization") or (request.account.name if request.account else "")
    repo = writable_repo(hub, request, f"{owner}/{payload['name']}")
    hub.storage.delete(repo.id)
    return Response(200, b"OK")


@route("PUT", "/api/models/{repo}/settings")
def change_settings(hub: LoopbackHub, request: Request, repo: str) -> Response:
    found = writable_repo(hub, request, repo)
    payload = request.json()
    private = _private(payload)
    found.private = found.private if private is None else private
    found.gated = payload.get("gated", found.gated)
    return json_response({"private": found.private, "gated": found.gated})


@route("GET", "/api/models/{repo}/auth-check")
def check_access(hub: LoopbackHub, request: Request, repo: str) -> Response:
    readable_repo(hub, request, repo)
    return Response(200, b"OK")


def _private(payload: dict[str, Any]) -> bool | None:
    """Newer clients say `visibility`, older ones `private`."""
    if "visibility" in payload:
        return bool(payload["visibility"] == "private")
    return payload.get("private")
