"""The admin face: agents are taken in, replaced, removed and pinned, and the server is drained, with its own token."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable

from pydantic import BaseModel, Field, model_validator
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from intent_adapters.serving.changes import Changes
from intent_adapters.serving.openapi import Operation
from intent_adapters.serving.responses import json_response
from intent_adapters.serving.schemas import StrictBody
from intent_adapters.serving.service import Service


class AgentSourceBody(StrictBody):
    """Where an agent comes from: a folder, or a repository of the Hub at a commit."""

    folder: str | None = Field(None, description="An adapter folder inside `admin_folder`.")
    repository: str | None = Field(None, description="A repository on the Hub, of one of `admin_organisations`.")
    revision: str | None = Field(None, description="With `repository`: the commit, 40 hex digits.")
    subfolder: str | None = Field(None, description="With `repository`: the folder inside it.")

    @model_validator(mode="after")
    def _one_of_them(self) -> AgentSourceBody:
        if (self.folder is None) == (self.repository is None):
            raise ValueError("give either folder or repository")
        if (self.repository is None) != (self.revision is None) or (self.folder is not None and self.subfolder):
            raise ValueError("revision goes with repository, and so does subfolder")
        return self


class ThresholdBody(StrictBody):
    """The scope score below which the agent rejects a text."""

    threshold: float | None = Field(ge=0, le=1)


class RollbackBody(StrictBody):
    """A version that the agent's folder keeps."""

    version: int | None = Field(None, ge=1, description="Its number. Left out: the one that was in use before.")


class ChangeAnswer(BaseModel):
    """What was done. When `agreed` is true in a later answer of `GET /admin/agents`, all processes have it."""

    agent: str
    version: str | None = Field(description="The version that answers from now on; null for one that was removed.")
    generation: str = Field(description="Of the agents in the process that answers.")
    agreed: bool = Field(description="Whether all processes of the server have this generation.")


class AgentStateAnswer(BaseModel):
    """An agent, in the process that answers."""

    agent: str
    version: str | None = Field(description="Null for one that is not in memory.")
    bytes: int = Field(description="What it takes of the memory.")
    pinned: bool
    problem: str | None = Field(description="The last thing that was wrong with it.")


class AgentStatesAnswer(BaseModel):
    """All agents, in the process that answers."""

    agents: list[AgentStateAnswer]
    generation: str
    agreed: bool
    process: int


class StateAnswer(BaseModel):
    """Figures of the process that answers, since it began."""

    process: int
    generation: str
    agreed: bool
    draining: bool
    known: int
    resident: int
    pinned: int
    bytes: int
    max_bytes: int | None
    hits: int
    misses: int
    loads: int
    evictions: int
    queued_rows: int
    running_rows: int
    ms_per_character: float


AGENT = "/admin/agents/{agent}"
PROBLEMS = {
    403: "It may not come from there.",
    409: "Something else keeps it from being done.",
    422: "The body, the name or the adapter cannot be used.",
}


def _change(path: str, method: str, name: str, summary: str, body: type[BaseModel] | None = None) -> Operation:
    return Operation(path, method, name, summary, (ChangeAnswer,), body, PROBLEMS)


OPERATIONS = (
    Operation("/admin/agents", "get", "listAgentStates", "All agents and where they stand", (AgentStatesAnswer,)),
    _change(AGENT, "put", "putAgent", "Take in or replace an agent", AgentSourceBody),
    _change(AGENT, "delete", "removeAgent", "Remove an agent"),
    _change(f"{AGENT}/threshold", "post", "setThreshold", "Set its threshold", ThresholdBody),
    _change(f"{AGENT}/rollback", "post", "rollBack", "Go back to a kept version", RollbackBody),
    _change(f"{AGENT}/pin", "post", "pinAgent", "Keep an agent in the memory of all processes"),
    _change(f"{AGENT}/unpin", "post", "unpinAgent", "Let an agent leave memory"),
    Operation("/admin/stats", "get", "getState", "Figures of one process", (StateAnswer,)),
    Operation("/admin/drain", "post", "drain", "Say that requests should go elsewhere", (StateAnswer,)),
    Operation("/admin/undrain", "post", "undrain", "Say that requests may come again", (StateAnswer,)),
)


def admin_routes(service: Service) -> list[Route]:
    """The routes of `/admin`."""
    admin = _Admin(service)

    def route(path: str, method: str, handle: Callable[[Request, str], Awaitable[Response]]) -> Route:
        async def endpoint(request: Request) -> Response:
            service.admin(request)
            return await handle(request, request.path_params.get("agent", ""))

        return Route(path, endpoint, methods=[method])

    return [
        route("/admin/agents", "GET", admin.agents),
        route(AGENT, "PUT", admin.put),
        route(AGENT, "DELETE", admin.remove),
        route(f"{AGENT}/threshold", "POST", admin.threshold),
        route(f"{AGENT}/rollback", "POST", admin.roll_back),
        route(f"{AGENT}/pin", "POST", admin.pin),
        route(f"{AGENT}/unpin", "POST", admin.unpin),
        route("/admin/stats", "GET", admin.stats),
        route("/admin/drain", "POST", admin.drain),
        route("/admin/undrain", "POST", admin.undrain),
    ]


class _Admin:
    """What an administrator may ask for; `name` is the agent that the path names."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._changes = Changes(service.model, service.agents, service.settings)

    async def agents(self, request: Request, name: str) -> Response:
        problems = self._service.agents.problems
        states = [
            {
                "agent": state.name,
                "version": state.version,
                "bytes": state.bytes,
                "pinned": state.pinned,
                "problem": problems.get(state.name),
            }
            for state in self._service.model.agent_states
        ]
        return json_response({"agents": states, **self._where(), "process": os.getpid()})

    async def put(self, request: Request, name: str) -> Response:
        body = await self._service.body(request, AgentSourceBody)
        if body.folder is not None:
            return await self._changed(name, self._changes.from_folder, body.folder)
        return await self._changed(name, self._changes.from_hub, body.repository, body.revision, body.subfolder)

    async def remove(self, request: Request, name: str) -> Response:
        return await self._changed(name, self._changes.remove)

    async def threshold(self, request: Request, name: str) -> Response:
        body = await self._service.body(request, ThresholdBody)
        return await self._changed(name, self._changes.set_threshold, body.threshold)

    async def roll_back(self, request: Request, name: str) -> Response:
        body = await self._service.body(request, RollbackBody)
        return await self._changed(name, self._changes.roll_back, body.version)

    async def pin(self, request: Request, name: str) -> Response:
        return await self._changed(name, self._changes.pin)

    async def unpin(self, request: Request, name: str) -> Response:
        return await self._changed(name, self._changes.unpin)

    async def stats(self, request: Request, name: str) -> Response:
        return json_response({"process": os.getpid(), **self._where(), **self._service.state()})

    async def drain(self, request: Request, name: str) -> Response:
        self._service.shared.draining = True
        return await self.stats(request, name)

    async def undrain(self, request: Request, name: str) -> Response:
        self._service.shared.draining = False
        return await self.stats(request, name)

    async def _changed(self, name: str, change: Callable[..., str | None], *arguments: object) -> Response:
        """Have the folder changed, and this process see it."""
        version = await asyncio.to_thread(change, name, *arguments)
        for _ in range(1 if version else 2):  # what is gone is believed the second time
            await self._service.agents.look()
        return json_response({"agent": name, "version": version, **self._where()})

    def _where(self) -> dict[str, object]:
        return {"generation": self._service.agents.generation, "agreed": self._service.shared.agreed}
