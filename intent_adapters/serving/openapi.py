"""The OpenAPI document of the paths."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from intent_adapters import __version__
from intent_adapters.serving.schemas import (
    AgentAnswer,
    AgentsAnswer,
    ErrorAnswer,
    PredictBody,
    PredictionAnswer,
    PredictionsAnswer,
    PredictRowsBody,
)

REF = "#/components/schemas/{model}"
# What can go wrong with any request that needs a token, and with one that has a body.
ALWAYS = {401: "No token, or none that is accepted.", 500: "The server failed."}
WITH_BODY = {
    400: "The body is not JSON.",
    408: "The body came too slowly.",
    413: "The body is too long, or has too many texts.",
    415: "The body is compressed.",
    422: "The body is JSON, and not what it should be.",
    429: "Too much waits already: see `Retry-After`.",
    504: "There was no answer in time.",
}
NOT_ALLOWED = {403: "The token may not train."}
WITH_AGENT = {404: "There is no such agent.", 503: "The agent cannot be loaded."}


class Operation(NamedTuple):
    """One method of one path.

    Attributes:
        path: The path.
        method: In small letters.
        name: For generated clients.
        summary: What it does.
        answers: What comes back if all is well: one of these; without any, a text of `media_type`.
        body: What is sent.
        also: What further statuses mean, or mean here.
        tag: Which dialect it is of.
        error: What comes back with other statuses.
        status: What the status is if all is well.
        media_type: Of an answer that is not JSON.
    """

    path: str
    method: str
    name: str
    summary: str
    answers: tuple[type[BaseModel], ...]
    body: type[BaseModel] | None = None
    also: Mapping[int, str] = {}
    tag: str = "intent-adapters"
    error: type[BaseModel] = ErrorAnswer
    status: int = 200
    media_type: str = "text/plain"


NATIVE = (
    Operation(
        "/v1/agents/{agent}/predict",
        "post",
        "predict",
        "Answer one text or several with one agent",
        (PredictionAnswer, PredictionsAnswer),
        PredictBody,
    ),
    Operation(
        "/v1/predict",
        "post",
        "predictRows",
        "Answer texts of any mix of agents, with an error for each text that has no answer",
        (PredictionsAnswer,),
        PredictRowsBody,
    ),
    Operation("/v1/agents", "get", "listAgents", "The agents that the token may ask", (AgentsAnswer,)),
    Operation("/v1/agents/{agent}", "get", "getAgent", "The intents of an agent", (AgentAnswer,)),
)


def openapi_document(operations: Iterable[Operation]) -> dict[str, Any]:
    """The document, as values that JSON can hold."""
    models: dict[type[BaseModel], str] = {}
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        models |= dict.fromkeys((*operation.answers, operation.error), "serialization")
        if operation.body:
            models[operation.body] = "validation"
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation)
    _, definitions = models_json_schema(list(models.items()), ref_template=REF)  # type: ignore[arg-type]
    return {
        "openapi": "3.1.0",
        "info": {"title": "intent-adapters", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": definitions["$defs"],
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


def _operation(operation: Operation) -> dict[str, Any]:
    problems = ALWAYS | (WITH_BODY if operation.body else {}) | (WITH_AGENT if "{agent}" in operation.path else {})
    problems |= operation.also
    answers = [_ref(answer) for answer in operation.answers]
    if answers:
        answer = _content("The answer.", answers[0] if len(answers) == 1 else {"anyOf": answers})
    else:
        # The parts of a stream have schemas of their own.
        schema = {} if operation.media_type == "text/event-stream" else {"type": "string"}
        answer = {"description": "The answer.", "content": {operation.media_type: {"schema": schema}}}
    responses = {str(operation.status): answer}
    responses |= {str(status): _content(problems[status], _ref(operation.error)) for status in sorted(problems)}
    described: dict[str, Any] = {
        "tags": [operation.tag],
        "operationId": operation.name,
        "summary": operation.summary,
        "responses": responses,
    }
    if names := re.findall(r"{(\w+)}", operation.path):
        described["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
        ]
    if operation.body:
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _ref(operation.body)}},
        }
    return described


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": REF.format(model=model.__name__)}


def _content(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}
