"""Faults on demand: what networks, proxies and servers do to answers.

A fault is added for the requests whose path fits a shell pattern, for so many of them:

    hub.faults.add(Status(500), "*/resolve/*", times=2)
    hub.faults.add(Cut(after=100), "*.safetensors", method="GET")
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from tests.support.loopback_hub.messages import Request, Response, json_response


class Fault:
    """Something that goes wrong with a request. Each method is one moment at which it can."""

    def receive(self, body: bytes) -> bytes:
        """What arrives of the request's body."""
        return body

    def answer_instead(self, request: Request) -> Response | None:
        """An answer without anything being done."""
        return None

    def change(self, request: Request, response: Response) -> Response:
        """Another answer after all was done."""
        return response

    def pieces(self, body: bytes) -> Iterator[bytes]:
        """How the body goes out; the connection is closed when this ends early."""
        yield body


@dataclass
class Status(Fault):
    """An error in place of the answer, such as 429, 500 or 503.

    Attributes:
        status: HTTP status.
        retry_after: Seconds, for the Retry-After header.
    """

    status: int
    retry_after: int | None = None

    def answer_instead(self, request: Request) -> Response:
        response = json_response({"error": "this went wrong on demand"}, self.status)
        if self.retry_after is not None:
            response.headers["Retry-After"] = str(self.retry_after)
        return response


@dataclass
class Slow(Fault):
    """A pause before the answer, or a body that drips.

    Attributes:
        seconds: The pause before the answer.
        drip: Bytes at a time; `None` sends the body at once.
        pause: Seconds after each drip.
    """

    seconds: float = 0.0
    drip: int | None = None
    pause: float = 0.01

    def answer_instead(self, request: Request) -> None:
        time.sleep(self.seconds)

    def pieces(self, body: bytes) -> Iterator[bytes]:
        size = self.drip or len(body) or 1
        for start in range(0, len(body), size):
            yield body[start : start + size]
            time.sleep(self.pause if self.drip else 0)


@dataclass
class Cut(Fault):
    """The connection breaks.

    Attributes:
        after: Bytes of the body that still arrive; `None` sends no answer at all, after the request was carried out.
    """

    after: int | None = 0

    def pieces(self, body: bytes) -> Iterator[bytes]:
        yield body[: self.after or 0]


@dataclass
class Truncated(Fault):
    """A body that is shorter than the file, with headers that say that this is all there is.

    Attributes:
        keep: The share of the bytes that is sent.
    """

    keep: float = 0.5

    def change(self, request: Request, response: Response) -> Response:
        return Response(response.status, response.body[: int(len(response.body) * self.keep)], response.headers)


@dataclass
class Corrupted(Fault):
    """A body of the right length with some bytes changed, as faulty memory and bad proxies do.

    Attributes:
        at: Where, as a share of the length.
    """

    at: float = 0.9

    def change(self, request: Request, response: Response) -> Response:
        body = bytearray(response.body)
        position = int(len(body) * self.at)
        body[position : position + 8] = bytes(byte ^ 0x55 for byte in body[position : position + 8])
        return Response(response.status, bytes(body), response.headers)


@dataclass
class CorruptedUpload(Fault):
    """A request's body with a byte changed on its way here."""

    def receive(self, body: bytes) -> bytes:
        return body[:-1] + bytes([body[-1] ^ 0x55]) if body else body


@dataclass
class WrongETag(Fault):
    """Headers that name another content than the one that is sent.

    Attributes:
        etag: What they say.
    """

    etag: str = "0" * 64

    def change(self, request: Request, response: Response) -> Response:
        for name in ("ETag", "X-Linked-Etag"):
            if name in response.headers:
                response.headers[name] = f'"{self.etag}"'
        return response


@dataclass
class WrongLength(Fault):
    """A Content-Length that is not that of the body.

    Attributes:
        by: Bytes that it says too much, or too little if negative.
    """

    by: int

    def change(self, request: Request, response: Response) -> Response:
        response.length = len(response.body) + self.by
        if "X-Linked-Size" in response.headers:
            response.headers["X-Linked-Size"] = str(int(response.headers["X-Linked-Size"]) + self.by)
        return response


@dataclass
class Planned:
    """A fault with the requests that it is meant for.

    Attributes:
        fault: What happens.
        path: Shell pattern of the path, without the query.
        method: HTTP method, or `None` for each.
        times: How often; `None` for always.
        skip: How many fitting requests go well first.
        hits: How often it has happened.
    """

    fault: Fault
    path: str
    method: str | None
    times: int | None
    skip: int
    hits: int = 0

    def claim(self, request: Request) -> bool:
        """Whether this request is one of them, and if so, count it."""
        if not fnmatchcase(request.path, self.path) or self.method not in (None, request.method):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.times is not None and self.hits >= self.times:
            return False
        self.hits += 1
        return True


@dataclass
class Faults:
    """The faults that are planned."""

    _planned: list[Planned] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(
        self, fault: Fault, path: str = "*", *, method: str | None = None, times: int | None = 1, skip: int = 0
    ) -> Planned:
        """Plan a fault.

        Args:
            fault: What happens.
            path: Shell pattern of the path, without the query; `*` crosses slashes.
            method: HTTP method, or `None` for each.
            times: How often; `None` for always.
            skip: How many fitting requests go well first.

        Returns:
            The plan, whose `hits` tell how often it happened.
        """
        planned = Planned(fault, path, method, times, skip)
        with self._lock:
            self._planned.append(planned)
        return planned

    def clear(self) -> None:
        with self._lock:
            self._planned.clear()

    def take(self, request: Request) -> Fault | None:
        """The first fault that is planned for a request."""
        with self._lock:
            return next((planned.fault for planned in self._planned if planned.claim(request)), None)
