"""The playground: one page on the server's own paths, without a build step and without anything from elsewhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from intent_adapters.serving.responses import json_response
from intent_adapters.serving.settings import Settings

KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
FILES = ("index.html", "playground.css", "playground.js", "words.js")
# Nothing but these files runs or is loaded, nothing is sent elsewhere, and no other page may frame it.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


def playground_routes(settings: Settings) -> list[Route]:
    """The routes of the page; none where the settings have it off."""
    if settings.playground == "off":
        return []
    full = settings.playground == "full"
    facts = {
        "trains": full and settings.train_base is not None,
        "sets_thresholds": full and settings.admin_token is not None,
        "max_rows": settings.max_rows,
        "max_characters": settings.max_characters,
    }

    async def config(request: Request) -> Response:
        return json_response(facts, headers=HEADERS)

    return [
        Route("/playground", _sender(FILES[0])),
        *(Route(f"/playground/{name}", _sender(name)) for name in FILES[1:]),
        Route("/playground/config.json", config),
    ]


def _sender(name: str) -> Callable[[Request], Awaitable[Response]]:
    content = files(__package__).joinpath(name).read_bytes()
    media_type = KINDS[f".{name.rpartition('.')[2]}"]

    async def send(request: Request) -> Response:
        return Response(content, headers=HEADERS, media_type=media_type)

    return send
