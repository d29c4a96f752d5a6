"""An agent leaves the server: as an archive that is fetched, or to the Hub with a token that came along."""

from __future__ import annotations

import asyncio
import io
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from pydantic import BaseModel, Field, SecretStr
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from intent_adapters.artifacts.contents import CARD_NAME
from intent_adapters.errors import HubError, RequestError
from intent_adapters.hub.cards.agent import adapter_card
from intent_adapters.hub.cards.saving import existing_card
from intent_adapters.serving.agents import place_of
from intent_adapters.serving.changes import reported
from intent_adapters.serving.openapi import NOT_ALLOWED, Operation
from intent_adapters.serving.responses import json_response
from intent_adapters.serving.schemas import StrictBody
from intent_adapters.serving.service import Service


class PublishBody(StrictBody):
    """Where on the Hub, and by whose right."""

    repository: str = Field(description="ORG/NAME; made if it is not there.")
    token: SecretStr = Field(min_length=1, description="A Hub token with the right to write; it is not kept.")
    private: bool = Field(True, description="Whether a repository that is made now is private.")
    base: str | None = Field(None, description="Hub id of the base. Left out: the one that the agent names.")


class PublishedAnswer(BaseModel):
    """What is on the Hub now."""

    repository: str
    commit: str
    url: str


OPERATIONS = (
    Operation(
        "/v1/agents/{agent}/archive",
        "get",
        "fetchAgent",
        "The adapter folder of an agent, with its card",
        (),
        also=NOT_ALLOWED,
        media_type="application/zip",
    ),
    Operation(
        "/v1/agents/{agent}/publish",
        "post",
        "publishAgent",
        "Publish an agent on the Hub",
        (PublishedAnswer,),
        PublishBody,
        {**NOT_ALLOWED, 502: "The Hub refuses it, or cannot be reached."},
    ),
)


def sharing_routes(service: Service) -> list[Route]:
    """The routes by which agents leave, for those that may train them."""

    async def archive(request: Request) -> Response:
        agent = service.agent_to_train(request)
        with reported():
            content = await asyncio.to_thread(_archive, service, agent)
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(agent)}.zip"}
        return Response(content, headers=headers, media_type="application/zip")

    async def publish(request: Request) -> Response:
        agent = service.agent_to_train(request)
        body = await service.body(request, PublishBody)
        with reported():
            return json_response(await asyncio.to_thread(_publish, service, agent, body))

    return [
        Route("/v1/agents/{agent}/archive", archive),
        Route("/v1/agents/{agent}/publish", publish, methods=["POST"]),
    ]


def _archive(service: Service, agent: str) -> bytes:
    """A zip file with a folder that is called as the agent."""
    card = existing_card(place_of(service.agents.folder, agent))
    content = io.BytesIO()
    with TemporaryDirectory() as temporary, zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        folder = Path(temporary, "adapter")
        service.model.adapter(agent).write(folder)
        if card is None:
            adapter_card(folder, name=agent).save(folder / CARD_NAME)
        else:
            (folder / CARD_NAME).write_text(card, encoding="utf-8")
        for file in sorted(path for path in folder.iterdir() if path.is_file()):
            archive.write(file, f"{agent}/{file.name}")
    return content.getvalue()


def _publish(service: Service, agent: str, body: PublishBody) -> dict[str, object]:
    try:
        published = service.model.push_adapter(
            agent, body.repository, base=body.base, private=body.private, token=body.token.get_secret_value()
        )
    except HubError as error:
        raise RequestError(502, "hub_refused", str(error)) from error
    return {"repository": published.repo_id, "commit": published.commit, "url": published.url}
