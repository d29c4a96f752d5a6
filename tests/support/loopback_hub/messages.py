"""A request as the routes see it, and the answer that they give."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.loopback_hub.accounts import Account


@dataclass(frozen=True)
class Request:
    """What a client asked.

    Attributes:
        method: HTTP method.
        target: Path and query as they were sent, still quoted.
        headers: With lower-case names.
        body: Whole.
        account: Whose token it carried.
        cdn: Whether it came to the content server, not to the Hub itself.
    """

    method: str
    target: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    account: Account | None
    cdn: bool

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query)

    def json(self) -> Any:
        """The body, or an empty object if there is none."""
        return json.loads(self.body or b"{}")

    def form(self) -> dict[str, list[str]]:
        return parse_qs(self.body.decode())


@dataclass
class Response:
    """What the Hub answers. Faults may change it on its way out.

    Attributes:
        status: HTTP status.
        body: Whole; empty for HEAD, with `length` saying what GET would send.
        headers: Besides Content-Length.
        length: What Content-Length says; `None` for the length of the body.
    """

    status: int = 200
    body: bytes = field(default=b"", repr=False)
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None


class Refused(Exception):
    """Ends a request with an error that the client understands."""

    def __init__(self, status: int, message: str, code: str | None = None, **extra: Any) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.extra = extra

    def response(self) -> Response:
        headers = {"X-Error-Message": self.message.encode("ascii", "backslashreplace").decode().replace("\n", " ")}
        if self.code:
            headers["X-Error-Code"] = self.code
        answer = json_response({"error": self.message, **self.extra}, self.status)
        answer.headers |= headers
        return answer


def json_response(value: Any, status: int = 200) -> Response:
    """An answer in JSON."""
    return Response(status, json.dumps(value).encode(), {"Content-Type": "application/json; charset=utf-8"})
