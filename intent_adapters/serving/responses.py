"""Responses in JSON, errors among them."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from starlette.responses import Response

from intent_adapters.errors import RequestError


def json_response(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A response in JSON; arrays of NumPy are lists there."""
    return Response(orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY), status, headers, "application/json")


def message_of(error: RequestError) -> str:
    """What an error says to people."""
    return str(error).encode("utf-8", "replace").decode()  # of what somebody made up, not all is Unicode


def error_entry(error: RequestError) -> dict[str, object]:
    """What a row says that was not answered."""
    return {"code": error.code, "message": message_of(error)}
