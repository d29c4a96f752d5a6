"""The application: all routes, and what every request has: an id, a line in the log, a shape of errors."""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from hashlib import blake2b
from itertools import count

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import Message, Receive, Scope, Send

from intent_adapters.errors import RequestError
from intent_adapters.serving import admin, examples, sharing, training, versions
from intent_adapters.serving.dialects import DIALECTS
from intent_adapters.serving.health import health_routes
from intent_adapters.serving.logs import AccessLog
from intent_adapters.serving.native import native_routes
from intent_adapters.serving.openapi import NATIVE, openapi_document
from intent_adapters.serving.playground import playground_routes
from intent_adapters.serving.responses import error_entry, json_response
from intent_adapters.serving.service import Service

log = logging.getLogger(__name__)

REQUEST_ID = re.compile(r"[\w.:/+=-]{1,128}", re.ASCII)
# What a request came to whose client did not wait for an answer, as nginx writes it.
CLIENT_LEFT = 499
HTTP_CODES = {404: "not_found", 405: "method_not_allowed"}


class App:
    """An ASGI application.

    Args:
        service: Answers.
    """

    def __init__(self, service: Service) -> None:
        self.service = service
        self._access_log = AccessLog() if service.settings.access_log else None
        # Nobody may count the requests of others. Asked for each request, the system's random numbers would take a
        # fifth of the time that HTTP takes.
        self._ids = _ids(secrets.token_bytes(16))
        operations = [*NATIVE, *(entry for dialect in DIALECTS for entry in dialect.operations)]
        has_admin, trains = service.settings.admin_token is not None, service.settings.train_base is not None
        operations += admin.OPERATIONS if has_admin else ()
        for room in (training, examples, versions, sharing) if trains else ():
            operations += room.OPERATIONS
        document = openapi_document(operations)

        async def openapi(request: Request) -> Response:
            return json_response(document)

        @asynccontextmanager
        async def lifespan(_: object) -> AsyncIterator[None]:
            await service.start()
            yield
            await service.stop()

        routes = [*native_routes(service), *health_routes(service), Route("/openapi.json", openapi)]
        routes += [route for dialect in DIALECTS for route in dialect.routes(service)]
        routes += [*training.training_routes(service), *(admin.admin_routes(service) if has_admin else ())]
        if trains:
            routes += examples.example_routes(service) + versions.version_routes(service)
            routes += sharing.sharing_routes(service)
        routes += playground_routes(service.settings)
        self._paths: dict[object, str] = {route.endpoint: route.path for route in routes}
        self._router = Router(routes, redirect_slashes=False, lifespan=lifespan)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Takes one connection, as ASGI has it."""
        scope["app"] = self  # so that Starlette raises what is not found
        if scope["type"] != "http":
            await self._router(scope, receive, send)
            return
        started = time.perf_counter()
        request = Request(scope, receive)
        given = request.headers.get("x-request-id", "")
        request_id = given if REQUEST_ID.fullmatch(given) else next(self._ids)
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message["headers"]
                headers.append((b"x-request-id", request_id.encode()))
                if self.service.draining:
                    headers.append((b"connection", b"close"))
            await send(message)

        try:
            try:
                await self._router(scope, receive, send_with_id)
            except ClientDisconnect:
                status = CLIENT_LEFT
            except Exception as error:
                problem = self._problem(error, request_id)
                if status:
                    raise
                content = _error_content(request.scope["path"], problem, request_id)
                response = json_response(content, problem.status, problem.headers)
                await response(scope, receive, send_with_id)
        finally:
            self._note(request, request_id, status, time.perf_counter() - started)

    def _problem(self, error: Exception, request_id: str) -> RequestError:
        """What a request is told of an exception."""
        if isinstance(error, RequestError):
            self.service.metrics.rejected.labels(error.code).inc()
            return error
        if isinstance(error, HTTPException):
            code = HTTP_CODES.get(error.status_code, "bad_request")
            return RequestError(error.status_code, code, f"{error.detail}.", error.headers)
        log.error("request failed", exc_info=error, extra={"fields": {"request_id": request_id}})
        return RequestError(500, "internal_error", "The server failed to answer; its log says why.")

    def _note(self, request: Request, request_id: str, status: int, seconds: float) -> None:
        """Count a request, and log it."""
        route = self._paths.get(request.scope.get("endpoint"), "")
        self.service.metrics.request_seconds.labels(route, status).observe(seconds)
        if self._access_log:
            state = request.scope.get("state", {})
            fields = {
                "request_id": request_id,
                "method": request.method,
                "route": route,
                "status": status,
                "ms": round(1000 * seconds, 2),
                **{name: state[name] for name in ("agents", "rows", "texts") if name in state},
            }
            self._access_log.write(fields)


def _ids(key: bytes) -> Iterator[str]:
    """Ids of requests; without the key, none can be told from another."""
    for number in count():
        yield blake2b(number.to_bytes(8, "big"), digest_size=10, key=key).hexdigest()


def _error_content(path: str, error: RequestError, request_id: str) -> object:
    """What a request gets that was not answered, as clients of its path expect it."""
    for dialect in DIALECTS:
        if path.startswith(dialect.paths):
            return dialect.error(error)
    return {"error": {**error_entry(error), "request_id": request_id}}
