"""Large files on their way in: what to upload, the upload, and the check of it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from tests.support.loopback_hub.messages import Refused, Request, Response, json_response
from tests.support.loopback_hub.routing import commit_at, proposable_repo, route
from tests.support.loopback_hub.storage import Repo, is_lfs

if TYPE_CHECKING:
    from tests.support.loopback_hub.server import LoopbackHub


@route("POST", "/api/models/{repo}/preupload/{rev}")
def preupload(hub: LoopbackHub, request: Request, repo: str, rev: str) -> Response:
    found = proposable_repo(hub, request, repo)
    present = commit_at(found, rev).files
    answers = []
    for wanted in request.json()["files"]:
        path = str(wanted["path"])
        answer = {"path": path, "shouldIgnore": False}
        answer["uploadMode"] = "lfs" if is_lfs(path, int(wanted["size"])) else "regular"
        if path in present:
            answer["oid"] = present[path].etag
        answers.append(answer)
    return json_response({"files": answers, "commitOid": commit_at(found, rev).oid})


@route("POST", "/{repo}.git/info/lfs/objects/batch")
def batch(hub: LoopbackHub, request: Request, repo: str) -> Response:
    found = proposable_repo(hub, request, repo)
    payload = request.json()
    if payload["operation"] != "upload" or payload.get("hash_algo", "sha256") != "sha256":
        raise Refused(400, "only uploads of sha256 objects")
    objects = [_instruct(hub, found, item) for item in payload["objects"]]
    return json_response({"transfer": "basic", "objects": objects})


@route("PUT", "/lfs-upload/{repo}/{name}")
def upload(hub: LoopbackHub, request: Request, repo: str, name: str) -> Response:
    if not hub.is_signed(request):
        raise Refused(403, "SignatureDoesNotMatch")
    if hashlib.sha256(request.body).hexdigest() != name:
        raise Refused(400, f"The content is not that of {name}")
    hub.storage.repos[repo].received[name] = request.body
    return Response(200, headers={"ETag": f'"{name}"'})


@route("POST", "/{repo}.git/info/lfs/verify")
def verify(hub: LoopbackHub, request: Request, repo: str) -> Response:
    found = proposable_repo(hub, request, repo)
    payload = request.json()
    oid, content = payload["oid"], found.received.get(payload["oid"])
    if content is None or len(content) != payload["size"]:
        raise Refused(404, f"{oid} was not uploaded, or has another size")
    found.uploads[oid] = content
    return json_response({"success": True})


def _instruct(hub: LoopbackHub, repo: Repo, item: dict[str, Any]) -> dict[str, Any]:
    oid = str(item["oid"])
    answer: dict[str, Any] = {"oid": oid, "size": item["size"], "authenticated": True}
    if oid not in repo.uploads:
        answer["actions"] = {
            "upload": {"href": hub.signed(f"/lfs-upload/{repo.id}/{oid}")},
            "verify": {"href": f"{hub.endpoint}/{repo.id}.git/info/lfs/verify"},
        }
    return answer
