"""Describing, listing and searching repositories."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from tests.support.loopback_hub.accounts import can_see
from tests.support.loopback_hub.cards import tags_of
from tests.support.loopback_hub.messages import Refused, Request, Response, json_response
from tests.support.loopback_hub.routing import commit_at, find_repo, route
from tests.support.loopback_hub.storage import Repo
from tests.support.loopback_hub.views import file_view, folder_view, model_view

if TYPE_CHECKING:
    from tests.support.loopback_hub.server import LoopbackHub

PAGE = 50
BRIEF = ("_id", "id", "modelId", "private", "downloads", "likes", "tags", "library_name", "pipeline_tag", "createdAt")
FULL = (*BRIEF, "author", "sha", "lastModified", "gated", "disabled", "siblings")


@route("GET", "/api/models")
def search(hub: LoopbackHub, request: Request) -> Response:
    query = request.query
    found = [repo for repo in list(hub.storage.repos.values()) if can_see(request.account, repo)]
    views = [model_view(repo, repo.head) for repo in found if _wanted(repo, query)]
    sort = query.get("sort", ["createdAt"])[0]
    if sort not in ("createdAt", "lastModified", "downloads", "likes", "trendingScore"):
        raise Refused(400, f"Invalid sort {sort!r}")
    views.sort(key=lambda view: view.get(sort, 0), reverse=True)
    keys: Iterable[str] = FULL if _flag(query, "full") else BRIEF
    keys = [*keys, "cardData"] if _flag(query, "cardData") else keys
    keys = ["_id", "id", *query["expand"]] if "expand" in query else keys
    return _page(hub, request, [{key: view[key] for key in keys if key in view} for view in views])


@route("GET", "/api/models/{repo}")
def describe(hub: LoopbackHub, request: Request, repo: str) -> Response:
    return describe_revision(hub, request, repo, "main")


@route("GET", "/api/models/{repo}/revision/{rev}")
def describe_revision(hub: LoopbackHub, request: Request, repo: str, rev: str) -> Response:
    found = find_repo(hub, request, repo)
    view = model_view(found, commit_at(found, rev), blobs=_flag(request.query, "blobs"))
    if "expand" in request.query:
        view = {key: view[key] for key in ("_id", "id", *request.query["expand"]) if key in view}
    return json_response(view)


@route("GET", "/api/models/{repo}/tree/{rev}")
def list_files(hub: LoopbackHub, request: Request, repo: str, rev: str) -> Response:
    return list_folder(hub, request, repo, rev, "")


@route("GET", "/api/models/{repo}/tree/{rev}/{path}")
def list_folder(hub: LoopbackHub, request: Request, repo: str, rev: str, path: str) -> Response:
    found = find_repo(hub, request, repo)
    files = commit_at(found, rev).files
    prefix = f"{path.strip('/')}/" if path.strip("/") else ""
    inside = {name: file for name, file in files.items() if name.startswith(prefix)}
    if prefix and not inside:
        raise Refused(404, f"{path} does not exist on {rev!r}", "EntryNotFound")
    if _flag(request.query, "recursive"):
        return _page(hub, request, [file_view(name, file) for name, file in inside.items()])
    folders = dict.fromkeys(prefix + name[len(prefix) :].split("/")[0] for name in inside)
    views = [file_view(name, files[name]) if name in files else folder_view(name) for name in folders]
    return _page(hub, request, views)


@route("POST", "/api/models/{repo}/paths-info/{rev}")
def describe_files(hub: LoopbackHub, request: Request, repo: str, rev: str) -> Response:
    found = find_repo(hub, request, repo)
    files = commit_at(found, rev).files
    return json_response([file_view(path, files[path]) for path in request.form()["paths"] if path in files])


def _wanted(repo: Repo, query: dict[str, list[str]]) -> bool:
    tags = {tag.lower() for tag in tags_of(repo.head)}
    filters = {tag.lower() for value in query.get("filter", []) for tag in value.split(",")}
    return (
        filters <= tags
        and all(owner == repo.owner for owner in query.get("author", []))
        and all(word.lower() in repo.id.lower() for word in query.get("search", []))
        and all(tag in tags for tag in query.get("pipeline_tag", []))
    )


def _flag(query: dict[str, list[str]], name: str) -> bool:
    return query.get(name, ["false"])[0].lower() in ("true", "1")


def _page(hub: LoopbackHub, request: Request, items: list[dict[str, Any]]) -> Response:
    """One page, and the address of the next."""
    query = request.query
    start = int(query.get("cursor", ["0"])[0])
    size = min(int(query.get("limit", [str(PAGE)])[0]), 1000)
    answer = json_response(items[start : start + size])
    if start + size < len(items):
        following = urlencode({**query, "cursor": [start + size]}, doseq=True)
        answer.headers["Link"] = f'<{hub.endpoint}{request.path}?{following}>; rel="next"'
    return answer
