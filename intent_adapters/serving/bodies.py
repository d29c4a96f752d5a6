"""Bodies of requests, read with limits on their size, time and shape."""

from __future__ import annotations

import asyncio
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request

from intent_adapters.errors import RequestError

Body = TypeVar("Body", bound=BaseModel)
SHOWN = 5
# How many times the longest body is read of one that is too long, before the connection is closed on it.
DISCARDED = 16


async def read_body(request: Request, kind: type[Body], *, max_bytes: int, seconds: float) -> Body:
    """Read a body of JSON.

    Args:
        request: Its body has not been read.
        kind: What is to be in it.
        max_bytes: Its length, at most; what comes in is counted, whatever the headers say.
        seconds: How long it may take to arrive.

    Raises:
        RequestError: It is too long, too slow, compressed, no JSON, or something else is in it.
        ClientDisconnect: The client left.
    """
    headers = request.headers
    if headers.get("content-encoding", "identity") != "identity":
        raise RequestError(415, "unsupported_encoding", "Send the body as it is, not compressed.")
    declared = headers.get("content-length", "")
    if "expect" in headers and declared.isdecimal() and int(declared) > max_bytes:
        raise _too_long(max_bytes)  # the client waits before it sends the body
    try:
        async with asyncio.timeout(seconds):
            content = await _read(request, max_bytes)
    except TimeoutError as error:
        raise RequestError(
            408, "body_too_slow", f"The body did not arrive within {seconds:g} seconds.", {"Connection": "close"}
        ) from error
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        raise _misshapen(error) from error


async def _read(request: Request, max_bytes: int) -> bytes:
    """The body; what exceeds the limit is thrown away: most clients read no answer before they have sent all."""
    parts: list[bytes] = []
    length = 0
    more = True
    while more and length <= DISCARDED * max_bytes:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        part = message.get("body", b"")
        length += len(part)
        if length > max_bytes:
            parts.clear()
        else:
            parts.append(part)
        more = message.get("more_body", False)
    if length > max_bytes:
        raise _too_long(max_bytes)
    return b"".join(parts)


def _too_long(max_bytes: int) -> RequestError:
    message = f"The body is longer than {max_bytes} bytes: send fewer or shorter texts at a time."
    return RequestError(413, "body_too_large", message, {"Connection": "close"})


def _misshapen(error: ValidationError) -> RequestError:
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    if problems[0]["type"] == "json_invalid":
        return RequestError(400, "invalid_json", f"The body is not JSON: {problems[0]['msg']}.")
    said = [
        f"{'.'.join(map(str, problem['loc'])) or 'body'}: {problem['msg'].removeprefix('Value error, ')}"
        for problem in problems[:SHOWN]
    ]
    more = f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
    return RequestError(422, "invalid_request", f"{'; '.join(said)}{more}.")
