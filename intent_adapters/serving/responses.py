"""Responses in JSON, errors among them."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from starlette.responses import Response

from intent_adapters.errors import RequestError


def json_response(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A response in JSON."""
    return Response(orjson.dumps(value), status, headers, "application/json")


def error_entry(error: RequestError) -> dict[str, object]:
    """What a row says that was not answered."""
    # Of what somebody made up, not all is Unicode.
    return {"code": error.code, "message": str(error).encode("utf-8", "replace").decode()}


def error_response(error: RequestError, request_id: str) -> Response:
    """What a request gets that was not answered."""
    return json_response({"error": {**error_entry(error), "request_id": request_id}}, error.status, error.headers)
