"""Files on their way out: the Hub sends small ones itself, and sends clients to a content server for large ones."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.support.loopback_hub.messages import Refused, Request, Response
from tests.support.loopback_hub.routing import commit_at, readable_repo, route
from tests.support.loopback_hub.storage import File

if TYPE_CHECKING:
    from tests.support.loopback_hub.server import LoopbackHub

RANGE = re.compile(r"bytes=(\d+)-(\d*)")


@route("GET", "/{repo}/resolve/{rev}/{path}")
def resolve(hub: LoopbackHub, request: Request, repo: str, rev: str, path: str) -> Response:
    found = readable_repo(hub, request, repo)
    commit = commit_at(found, rev)
    if path not in commit.files:
        refusal = Refused(404, "Entry not found", "EntryNotFound").response()
        refusal.headers["X-Repo-Commit"] = commit.oid
        return refusal
    file = commit.files[path]
    headers = {"X-Repo-Commit": commit.oid, "ETag": f'"{file.blob_id}"', "Accept-Ranges": "bytes"}
    if not file.lfs:
        return _send(request, file, headers)
    headers |= {"X-Linked-Size": str(file.size), "X-Linked-Etag": f'"{file.sha256}"'}
    headers["Location"] = hub.signed(f"/content/{repo}/{commit.oid}/{path}", cdn=True)
    return Response(302, b"", headers)


@route("GET", "/content/{repo}/{rev}/{path}")
def content(hub: LoopbackHub, request: Request, repo: str, rev: str, path: str) -> Response:
    if not request.cdn or not hub.is_signed(request):
        raise Refused(403, "SignatureDoesNotMatch")
    file = hub.storage.repos[repo].commits[rev].files[path]
    return _send(request, file, {"ETag": f'"{file.sha256}"', "Accept-Ranges": "bytes"})


def _send(request: Request, file: File, headers: dict[str, str]) -> Response:
    headers["Content-Type"] = "application/octet-stream"
    match = RANGE.fullmatch(request.headers.get("range", ""))
    if not match:
        return Response(200, file.content, headers)
    first, last = int(match[1]), min(int(match[2] or file.size), file.size - 1)
    if first > last:
        return Response(416, b"", {**headers, "Content-Range": f"bytes */{file.size}"})
    headers["Content-Range"] = f"bytes {first}-{last}/{file.size}"
    return Response(206, file.content[first : last + 1], headers)
