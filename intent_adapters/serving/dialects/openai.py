"""The dialect of OpenAI: which models there are, and embeddings."""

from __future__ import annotations

import base64
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, BeforeValidator, Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from intent_adapters.errors import RequestError
from intent_adapters.serving.batching import Row
from intent_adapters.serving.dialects.dialect import Dialect
from intent_adapters.serving.openapi import WITH_AGENT, Operation
from intent_adapters.serving.responses import json_response, message_of
from intent_adapters.serving.schemas import StrictBody, Text
from intent_adapters.serving.service import Service

# What the bare base is called among the models. An agent of that name has no embeddings here.
BASE = "base"
OWNER = "intent-adapters"
# What OpenAI calls some of our codes; its clients look for these.
CODES = {"unknown_agent": "model_not_found", "missing_token": "invalid_api_key", "invalid_token": "invalid_api_key"}


def _texts_only(value: object) -> object:
    is_numbers = isinstance(value, list) and value and all(isinstance(entry, int | list) for entry in value)
    if is_numbers:
        raise ValueError("send texts: numbers of tokens are not taken")
    return value


def _as_it_is(value: object) -> object:
    if value is not None:
        raise ValueError("embeddings cannot be shortened: leave it out")
    return value


class EmbeddingsBody(StrictBody):
    """One text or several."""

    model: str = Field(description="An agent, or `base`.")
    input: Annotated[Text | Annotated[list[Text], Field(min_length=1)], BeforeValidator(_texts_only)]
    encoding_format: Literal["float", "base64"] = Field(
        "float", description="`base64`: of the numbers as float32, little-endian."
    )
    dimensions: Annotated[None, BeforeValidator(_as_it_is)] = None
    user: str | None = Field(None, description="Plays no part.")


class EmbeddingEntry(BaseModel):
    """The embedding of a text."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class Usage(BaseModel):
    """How many tokens were read."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingsAnswer(BaseModel):
    """The embeddings, in the order of the texts."""

    object: Literal["list"]
    data: list[EmbeddingEntry]
    model: str
    usage: Usage


class ModelEntry(BaseModel):
    """An agent, or the bare base."""

    id: str
    object: Literal["model"]
    created: int = Field(description="Always 0: agents do not tell when they were made.")
    owned_by: str


class ModelsAnswer(BaseModel):
    """The bare base, and the agents that the token may ask."""

    object: Literal["list"]
    data: list[ModelEntry]


class OpenAIProblem(BaseModel):
    """What went wrong."""

    message: str = Field(description="For people.")
    type: str
    param: str | None
    code: str = Field(description="For programs.")


class OpenAIError(BaseModel):
    """A request that was not answered."""

    error: OpenAIProblem


def _error(error: RequestError) -> object:
    kind = "rate_limit_error" if error.status == 429 else "server_error"
    return {
        "error": {
            "message": message_of(error),
            "type": "invalid_request_error" if error.status < 429 else kind,
            "param": None,
            "code": CODES.get(error.code, error.code),
        }
    }


def _model(name: str) -> dict[str, object]:
    return {"id": name, "object": "model", "created": 0, "owned_by": OWNER}


def _encoded(vector: NDArray[np.float32]) -> str:
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()


def _routes(service: Service) -> list[Route]:
    async def embeddings(request: Request) -> Response:
        caller = service.caller(request)
        body = await service.read(request, EmbeddingsBody)
        agent = None if body.model == BASE else body.model
        texts = [body.input] if isinstance(body.input, str) else body.input
        found = await service.embed_all(request, caller, [Row(text, agent, embed=True) for text in texts])
        tokens = sum(embedding.tokens for embedding in found)
        return json_response(
            {
                "object": "list",
                "data": [
                    {
                        "object": "embedding",
                        "index": index,
                        "embedding": _encoded(vector) if body.encoding_format == "base64" else vector,
                    }
                    for index, (vector, _) in enumerate(found)
                ],
                "model": body.model,
                "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
            }
        )

    async def models(request: Request) -> Response:
        caller = service.caller(request)
        names = [BASE, *(name for name in service.agents.names if caller.may_ask(name) and name != BASE)]
        return json_response({"object": "list", "data": [_model(name) for name in names]})

    async def model(request: Request) -> Response:
        caller, name = service.caller(request), request.path_params["agent"]
        return json_response(_model(name if name == BASE else (await service.agent(caller, name)).name))

    return [
        Route("/v1/embeddings", embeddings, methods=["POST"]),
        Route("/v1/models", models),
        Route("/v1/models/{agent}", model),
    ]


_OPERATIONS = (
    Operation(
        "/v1/embeddings",
        "post",
        "openaiEmbeddings",
        "Embeddings of texts by an agent or the bare base",
        (EmbeddingsAnswer,),
        EmbeddingsBody,
        also=WITH_AGENT,
    ),
    Operation("/v1/models", "get", "openaiModels", "The bare base, and the agents that can be asked", (ModelsAnswer,)),
    Operation("/v1/models/{agent}", "get", "openaiModel", "An agent, or the bare base", (ModelEntry,)),
)
OPENAI = Dialect(
    ("/v1/models", "/v1/embeddings"),
    _routes,
    tuple(operation._replace(tag="OpenAI", error=OpenAIError) for operation in _OPERATIONS),
    _error,
)
