"""Who am I; and what clients ask without anybody having called them to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.loopback_hub.cards import problems
from tests.support.loopback_hub.messages import Refused, Request, Response, json_response
from tests.support.loopback_hub.routing import route

if TYPE_CHECKING:
    from tests.support.loopback_hub.server import LoopbackHub


@route("GET", "/api/whoami-v2")
def whoami(hub: LoopbackHub, request: Request) -> Response:
    account = request.account
    if account is None:
        raise Refused(401, "Invalid credentials in Authorization header")
    return json_response(
        {
            "type": "user",
            "id": account.name,
            "name": account.name,
            "fullname": account.name.title(),
            "orgs": [{"type": "org", "name": name, "roleInOrg": "write"} for name in account.orgs],
            "auth": {"type": "access_token", "accessToken": {"displayName": "test", "role": account.role}},
        }
    )


@route("POST", "/api/validate-yaml")
def validate_card(hub: LoopbackHub, request: Request) -> Response:
    errors, warnings = problems(str(request.json()["content"]))
    answer = {"errors": [{"message": text} for text in errors], "warnings": [{"message": text} for text in warnings]}
    return json_response(answer, 400 if errors else 200)


@route("GET", "/api/telemetry/{path}")
def telemetry(hub: LoopbackHub, request: Request, path: str) -> Response:
    return Response(200)
