"""Trainings over HTTP: they are asked for, watched and cancelled here, and done by the `Trainer`."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any, Literal

from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from intent_adapters.choices import Effort
from intent_adapters.errors import RequestError
from intent_adapters.serving.agents import unknown_agent
from intent_adapters.serving.changes import checked_name, reported
from intent_adapters.serving.jobs import Event, is_over, summary, unknown_job
from intent_adapters.serving.openapi import NOT_ALLOWED, Operation
from intent_adapters.serving.responses import json_response
from intent_adapters.serving.schemas import StrictBody
from intent_adapters.serving.service import Service
from intent_adapters.serving.trainer import jobs_of

WATCH_SECONDS = 0.2
# A connection on which nothing comes is closed by proxies.
ALIVE_SECONDS = 15.0


class LabelledText(StrictBody):
    """An utterance and its intent."""

    text: str
    label: str


class TrainSettings(StrictBody):
    """As for `train_agent`; what is left out has its defaults."""

    method: Literal["adapter", "probe"] = "adapter"
    effort: Effort = "default"
    epochs: int | None = Field(None, ge=1, le=1000)
    seed: int = Field(0, ge=0, lt=2**32)
    descriptions: dict[str, str | list[str]] | None = None
    catch_all: list[str] | None = None
    out_of_scope: list[str] | None = Field(None, min_length=1)
    false_rejection_rate: float = Field(0.05, gt=0, lt=0.5)


class TrainBody(StrictBody):
    """What an agent is to learn."""

    agent: str
    rows: list[LabelledText] = Field(min_length=1)
    settings: TrainSettings = Field(default_factory=lambda: TrainSettings.model_validate({}))


class JobAnswer(BaseModel):
    """The id of a training."""

    job: str


class Step(BaseModel):
    """How far a training is."""

    doing: Literal["training", "calibrating"]
    step: int
    steps: int


class JobProblem(BaseModel):
    """Why a training failed."""

    code: str
    message: str


class JobStateAnswer(BaseModel):
    """Where a training stands."""

    job: str
    agent: str
    state: Literal["queued", "running", "ready", "failed", "cancelled"]
    progress: Step | None
    version: str | None = Field(description="The version of the agent that the training has put in place, if any yet.")
    method: str | None = Field(description='How that was trained: "probe" or "adapter".')
    accuracy: float | None = Field(description="On utterances that it was not trained on, where that was measured.")
    warnings: list[str] = Field(description="What is to be said of the rows.")
    error: JobProblem | None
    created: float = Field(description="In seconds since 1970.")
    finished: float | None


JOB = {**NOT_ALLOWED, 404: "There is no such training."}
OPERATIONS = (
    Operation(
        "/v1/train",
        "post",
        "train",
        "Train an agent",
        (JobAnswer,),
        TrainBody,
        status=202,
        also={**NOT_ALLOWED, 404: "The token may not train this agent.", 429: "So many trainings wait already."},
    ),
    Operation("/v1/train/{job}", "get", "getTraining", "Where a training stands", (JobStateAnswer,), also=JOB),
    Operation(
        "/v1/train/{job}/events",
        "get",
        "watchTraining",
        "What happens to a training, as server-sent events",
        (),
        also=JOB,
        media_type="text/event-stream",
    ),
    Operation("/v1/train/{job}", "delete", "cancelTraining", "End a training", (JobAnswer,), status=202, also=JOB),
)


def training_routes(service: Service) -> list[Route]:
    """The routes of `/v1/train`."""
    training = _Training(service)
    return [
        Route("/v1/train", training.train, methods=["POST"]),
        Route("/v1/train/{job}", training.show),
        Route("/v1/train/{job}", training.cancel, methods=["DELETE"]),
        Route("/v1/train/{job}/events", training.watch),
    ]


class _Training:
    def __init__(self, service: Service) -> None:
        self._service = service
        self._jobs = jobs_of(service.settings)

    async def train(self, request: Request) -> Response:
        service, settings = self._service, self._service.settings
        caller = service.trainer(request)
        if settings.train_base is None:
            message = "This server trains no agents: it has no base to train on (`train_base`)."
            raise RequestError(501, "no_training", message)
        body = await service.body(request, TrainBody)
        service.check_examples(len(body.rows))
        if not caller.may_ask(body.agent):
            raise unknown_agent(body.agent)
        asked = {
            "agent": checked_name(body.agent),
            "rows": [row.model_dump() for row in body.rows],
            "settings": body.settings.model_dump(exclude_unset=True),
            "fingerprint": service.model.fingerprint,
        }
        with reported():
            job = await asyncio.to_thread(self._jobs.submit, asked, settings.train_queue)
        return json_response({"job": job}, 202, {"Location": f"/v1/train/{job}"})

    async def show(self, request: Request) -> Response:
        return json_response(summary(*self._find(request)))

    async def cancel(self, request: Request) -> Response:
        job, _ = self._find(request)
        with reported():
            self._jobs.cancel(job)
        return json_response({"job": job}, 202)

    async def watch(self, request: Request) -> Response:
        job, _ = self._find(request)
        last = request.headers.get("last-event-id", "")
        first = int(last) + 1 if last.isascii() and last.isdecimal() and len(last) < 10 else 0
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(self._follow(job, first), 200, headers, "text/event-stream")

    def _find(self, request: Request) -> tuple[str, list[Event]]:
        """The job that the path names, and what happened to it."""
        caller, job = self._service.trainer(request), request.path_params["job"]
        events = self._jobs.events(job)
        if not caller.may_ask(events[0]["agent"]):
            raise unknown_job()
        return job, events

    async def _follow(self, job: str, number: int) -> AsyncIterator[str]:
        heard = time.monotonic()
        while not self._service.stopping:
            events = self._jobs.events(job)
            for event in events[number:]:
                if "version" in event:  # here, at least, the agent answers by now
                    await self._service.agents.look()
                yield _sent(number, event)
                number += 1
                heard = time.monotonic()
            if is_over(events):
                return
            if time.monotonic() - heard > ALIVE_SECONDS:
                yield ":\n\n"
                heard = time.monotonic()
            await asyncio.sleep(WATCH_SECONDS)


def _sent(number: int, event: dict[str, Any]) -> str:
    data = {name: value for name, value in event.items() if name != "event"}
    return f"id: {number}\nevent: {event['event']}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
