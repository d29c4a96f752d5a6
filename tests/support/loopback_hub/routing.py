"""The table of routes: which function answers which request."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import unquote

from tests.support.loopback_hub.accounts import can_read, can_see, can_write
from tests.support.loopback_hub.messages import Refused, Request, Response
from tests.support.loopback_hub.storage import Commit, NotThere, Repo

if TYPE_CHECKING:
    from tests.support.loopback_hub.server import LoopbackHub

Route = Callable[..., Response]

PARTS = {"repo": r"[^/]+(?:/[^/]+)?", "rev": r"[^/]+", "name": r"[^/]+", "path": r".+"}
_ROUTES: list[tuple[str, re.Pattern[str], Route]] = []


def route(method: str, template: str) -> Callable[[Route], Route]:
    """Register a function for a method and a path such as `/api/models/{repo}/tree/{rev}`.

    The function gets the hub, the request and the unquoted parts by name.
    """
    pattern = re.sub(r"\{(\w+)\}", lambda match: f"(?P<{match[1]}>{PARTS[match[1]]})", template)

    def register(function: Route) -> Route:
        _ROUTES.append((method, re.compile(pattern), function))
        return function

    return register


def dispatch(hub: LoopbackHub, request: Request) -> Response:
    """Answer a request."""
    method = "GET" if request.method == "HEAD" else request.method
    for wanted, pattern, function in _ROUTES:
        match = pattern.fullmatch(request.path) if wanted == method else None
        if match:
            return function(hub, request, **{key: unquote(value) for key, value in match.groupdict().items()})
    raise Refused(404, f"Cannot {request.method} {request.path}")


def find_repo(hub: LoopbackHub, request: Request, repo_id: str) -> Repo:
    """The repository, if there is one for this account.

    Raises:
        Refused: It does not exist, or the account may not know.
    """
    repo = hub.storage.repos.get(repo_id)
    if repo is None or not can_see(request.account, repo):
        if request.account is None:
            raise Refused(401, "Invalid username or password.", "RepoNotFound")
        raise Refused(404, "Repository not found", "RepoNotFound")
    return repo


def readable_repo(hub: LoopbackHub, request: Request, repo_id: str) -> Repo:
    """The repository, if this account may read its files."""
    repo = find_repo(hub, request, repo_id)
    if not can_read(request.account, repo):
        message = f"Access to model {repo_id} is restricted. You must have access to it and be authenticated."
        raise Refused(401 if request.account is None else 403, message, "GatedRepo")
    return repo


def proposable_repo(hub: LoopbackHub, request: Request, repo_id: str) -> Repo:
    """The repository, if this account may at least propose changes to it, as pull requests."""
    repo = readable_repo(hub, request, repo_id)
    if request.account is None or request.account.role != "write":
        status = 401 if request.account is None else 403
        raise Refused(
            status, f"You don't have the rights to propose changes to {repo_id}: use a token with write access"
        )
    return repo


def writable_repo(hub: LoopbackHub, request: Request, repo_id: str) -> Repo:
    """The repository, if this account may change it."""
    repo = find_repo(hub, request, repo_id)
    if not can_write(request.account, repo.owner):
        status = 401 if request.account is None else 403
        raise Refused(status, f"You don't have the rights to write to {repo_id}: use a token with write access")
    return repo


def commit_at(repo: Repo, revision: str) -> Commit:
    """The commit that a revision names."""
    try:
        return repo.commit_at(revision)
    except NotThere as error:
        raise Refused(404, f"Invalid rev id: {error}", "RevisionNotFound") from error
