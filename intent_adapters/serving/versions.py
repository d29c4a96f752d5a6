"""The versions of an agent over HTTP: which there are, and what one that is not in use would answer."""

from __future__ import annotations

import asyncio
import copy
from typing import Literal

from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.artifacts.versions import Version, list_versions
from intent_adapters.errors import RequestError
from intent_adapters.prediction import Prediction
from intent_adapters.serving.agents import place_of
from intent_adapters.serving.changes import reported
from intent_adapters.serving.openapi import NOT_ALLOWED, Operation
from intent_adapters.serving.responses import json_response
from intent_adapters.serving.schemas import PredictBody, PredictionsAnswer
from intent_adapters.serving.service import Service


class VersionAnswer(BaseModel):
    """A version of an agent."""

    number: int
    in_use: bool
    version: str = Field(description="As in its answers.")
    method: Literal["adapter", "probe"] = Field(description="A probe has a head and no bottlenecks.")
    date: str | None = Field(description="When it was trained, as `2026-11-30T09:00:00Z`.")
    examples: int | None = Field(description="How many utterances it was trained on.")
    intents: int
    accuracy: float | None = Field(description="On utterances that it was not trained on, where that was measured.")
    threshold: float | None


class VersionsAnswer(BaseModel):
    """The versions of an agent that can be read, by their numbers."""

    versions: list[VersionAnswer]


VERSIONS = "/v1/agents/{agent}/versions"
OPERATIONS = (
    Operation(VERSIONS, "get", "listVersions", "The versions of an agent", (VersionsAnswer,), also=NOT_ALLOWED),
    Operation(
        f"{VERSIONS}/{{number}}/predict",
        "post",
        "predictWithVersion",
        "Answer with a version of an agent, in use or not",
        (PredictionsAnswer,),
        PredictBody,
        {**NOT_ALLOWED, 404: "There is no such agent, or it has no such version."},
    ),
)


def version_routes(service: Service) -> list[Route]:
    """The routes of versions, for those that may train the agent."""

    async def versions(request: Request) -> Response:
        found = await asyncio.to_thread(_versions, service, request)
        return json_response({"versions": [_entry(version, version.adapter) for version in found if version.adapter]})

    async def predict(request: Request) -> Response:
        service.trainer(request)
        body = await service.body(request, PredictBody)
        texts = body.all_texts
        service.check_count(len(texts))
        for problem in map(service.text_problem, texts):
            if problem:
                raise problem
        answers = await asyncio.to_thread(_answers, service, request, texts, body)
        return json_response({"predictions": [answer.to_dict() for answer in answers]})

    return [
        Route(VERSIONS, versions),
        Route(f"{VERSIONS}/{{number}}/predict", predict, methods=["POST"]),
    ]


def _versions(service: Service, request: Request) -> list[Version]:
    with reported():
        return list_versions(place_of(service.agents.folder, service.agent_to_train(request)))


def _answers(service: Service, request: Request, texts: list[str], body: PredictBody) -> list[Prediction]:
    agent, number = request.path_params["agent"], request.path_params["number"]
    found = {str(version.number): version.adapter for version in _versions(service, request)}.get(number)
    if found is None:
        raise RequestError(404, "unknown_version", "The agent has no such version that can be read.")
    with reported():
        model = copy.copy(service.model)  # on the same base; what answers others stays as it is
        model.add_agent(agent, found, replace=True)
    return model.predict(texts, agent, top_k=body.top_k, threshold=body.threshold)


def _entry(version: Version, adapter: Adapter) -> dict[str, object]:
    config = adapter.config
    return {
        "number": version.number,
        "in_use": version.in_use,
        "version": adapter.version,
        "method": "probe" if config.sites == "none" else "adapter",
        "date": config.provenance.date,
        "examples": config.provenance.rows,
        "intents": len(adapter.labels),
        "accuracy": config.provenance.accuracy,
        "threshold": config.calibration.threshold,
    }
