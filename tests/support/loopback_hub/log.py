"""What was asked of the Hub and how many bytes went where."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class Entry:
    """One request that was answered, or broken off.

    Attributes:
        method: HTTP method.
        target: Path and query as sent.
        path: Without the query.
        status: Of the answer.
        received: Bytes of the request's body.
        sent: Bytes of the answer's body that were given to the network.
        user: Whose token it carried.
        cdn: Whether it came to the content server.
        range: The Range header, if any.
        authorization: The Authorization header, if any.
        user_agent: Of the client.
    """

    method: str
    target: str
    path: str
    status: int
    received: int
    sent: int
    user: str | None
    cdn: bool
    range: str | None
    authorization: str | None
    user_agent: str

    @property
    def is_content(self) -> bool:
        """Whether it brought the client bytes of a repository's file."""
        return self.method == "GET" and self.status in (200, 206) and ("/resolve/" in self.path or self.cdn)


class RequestLog:
    """The requests, in the order in which they were answered.

    A client has its answer a moment before the server has noted it, so readers wait for requests under way.
    """

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._open = 0
        self._idle = threading.Condition()

    def __iter__(self) -> Iterator[Entry]:
        with self._idle:
            self._idle.wait_for(lambda: self._open == 0, timeout=5)
            return iter(list(self._entries))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @contextmanager
    def open(self) -> Iterator[None]:
        """A request is under way."""
        with self._idle:
            self._open += 1
        try:
            yield
        finally:
            with self._idle:
                self._open -= 1
                self._idle.notify_all()

    def add(self, entry: Entry) -> None:
        with self._idle:
            self._entries.append(entry)

    def clear(self) -> None:
        with self._idle:
            self._idle.wait_for(lambda: self._open == 0, timeout=5)
            self._entries.clear()

    def find(self, path: str = "*", method: str | None = None) -> list[Entry]:
        """The requests of a method whose path fits a shell pattern."""
        return [entry for entry in self if fnmatchcase(entry.path, path) and method in (None, entry.method)]

    @property
    def downloads(self) -> list[Entry]:
        """The requests that brought bytes of files."""
        return [entry for entry in self if entry.is_content]

    def bytes_by_path(self) -> dict[str, int]:
        """How many bytes of each file were sent: paths as `owner/name/path`, whatever the revision."""
        totals: dict[str, int] = {}
        for entry in self.downloads:
            name = _name_of(entry.path)
            totals[name] = totals.get(name, 0) + entry.sent
        return totals

    @property
    def downloaded(self) -> int:
        """How many bytes of files were sent in all."""
        return sum(entry.sent for entry in self.downloads)

    def where(self, condition: Callable[[Entry], bool]) -> list[Entry]:
        return [entry for entry in self if condition(entry)]

    def leaks(self, token: str) -> list[Entry]:
        """Requests that carry a token where others read it: in the address, or to the content server."""
        return [entry for entry in self if token in entry.target or (entry.cdn and entry.authorization)]


def _name_of(path: str) -> str:
    """`/owner/name/resolve/REVISION/file` and `/content/owner/name/REVISION/file` are the same file."""
    if path.startswith("/content/"):
        owner, name, _, file = path.removeprefix("/content/").split("/", 3)
    else:
        repo, _, rest = path.removeprefix("/").partition("/resolve/")
        (owner, name), file = repo.split("/"), rest.partition("/")[2]
    return f"{owner}/{name}/{file}"
