"""Whether the server lives and is ready, and its figures: for those that watch it, without a token."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from intent_adapters.serving.metrics import CONTENT_TYPE
from intent_adapters.serving.responses import json_response
from intent_adapters.serving.service import Service


def health_routes(service: Service) -> list[Route]:
    """The routes for probes and for Prometheus."""

    def said(is_so: bool) -> Response:
        return json_response({"ok": is_so}, 200 if is_so else 503)

    async def livez(request: Request) -> Response:
        return said(service.is_alive)

    async def readyz(request: Request) -> Response:
        return said(service.is_ready)

    async def metrics(request: Request) -> Response:
        return Response(service.figures(), media_type=CONTENT_TYPE)

    return [Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", metrics)]
