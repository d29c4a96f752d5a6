"""The dialect of Rasa 3: `/model/parse` and what goes with it, for each agent under `/rasa/{agent}`."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from intent_adapters.errors import RequestError
from intent_adapters.prediction import Prediction
from intent_adapters.serving.batching import Row
from intent_adapters.serving.dialects.dialect import Dialect
from intent_adapters.serving.openapi import Operation
from intent_adapters.serving.responses import json_response, message_of
from intent_adapters.serving.schemas import StrictBody, Text
from intent_adapters.serving.service import Service

# The version whose dialect this is, and the oldest that its clients may have been made for.
VERSION, MINIMUM_VERSION = "3.6.21", "3.5.0"
# What Rasa's FallbackClassifier calls the intent of a message that it does not understand.
FALLBACK = "nlu_fallback"
# As many as Rasa's DIETClassifier lists.
RANKING_LENGTH = 10
TOKEN = re.compile(r"\S+")


class ParseBody(StrictBody):
    """A message. Rasa's own client puts its token into the body."""

    text: Text
    message_id: str | None = None
    token: str | None = None


class Intent(BaseModel):
    """An intent and its probability."""

    name: str
    confidence: float


class Entity(BaseModel):
    """What was found in the text beside its intent."""

    entity: str
    start: int
    end: int
    value: str
    confidence_entity: float
    extractor: str = Field(description="What found it: values, pattern, tagger, or a kind such as date.")


class ParseAnswer(BaseModel):
    """What the agent understood."""

    text: str
    intent: Intent = Field(description=f"The most probable intent; `{FALLBACK}` where the text is out of scope.")
    entities: list[Entity] = Field(description="Empty for an agent that looks for none.")
    text_tokens: list[Annotated[list[int], Field(min_length=2, max_length=2)]] = Field(
        description="Where each word begins and ends."
    )
    intent_ranking: list[Intent] = Field(description=f"The most probable intents, behind `{FALLBACK}` if it is there.")
    message_id: str | None = Field(None, description="As it came.")


class VersionAnswer(BaseModel):
    """Which versions of Rasa speak like this."""

    version: str
    minimum_compatible_version: str


class StatusAnswer(BaseModel):
    """Which model answers."""

    model_file: str = Field(description="The agent.")
    model_id: str = Field(description="Its version.")
    num_active_training_jobs: int


class RasaError(BaseModel):
    """What went wrong."""

    version: str
    status: str
    message: str = Field(description="For people.")
    reason: str = Field(description="For programs.")
    details: dict[str, str]
    help: str | None
    code: int = Field(description="The status of the response.")


def _error(error: RequestError) -> object:
    return {
        "version": VERSION,
        "status": "failure",
        "message": message_of(error),
        "reason": error.code,
        "details": {},
        "help": None,
        "code": error.status,
    }


def _answer(prediction: Prediction, body: ParseBody) -> dict[str, object]:
    ranking = [{"name": label, "confidence": score} for label, score in prediction.top_k]
    if not prediction.in_scope:
        ranking.insert(0, {"name": FALLBACK, "confidence": 1 - prediction.scope_score})
    answer: dict[str, object] = {
        "text": body.text,
        "intent": ranking[0],
        "entities": [
            {
                "entity": found.entity,
                "start": found.start,
                "end": found.end,
                "value": found.value,
                "confidence_entity": found.score,
                "extractor": found.source,
            }
            for found in prediction.entities or ()
        ],
        "text_tokens": [match.span() for match in TOKEN.finditer(body.text)],
        "intent_ranking": ranking,
    }
    return answer if body.message_id is None else {**answer, "message_id": body.message_id}


def _routes(service: Service) -> list[Route]:
    async def parse(request: Request) -> Response:
        if request.query_params.get("emulation_mode"):
            message = "There is no emulation_mode here: leave it out, and read the answer as Rasa's."
            raise RequestError(400, "unsupported_emulation_mode", message)
        body = await service.read(request, ParseBody)  # before it is known who asks: that may be in it
        caller = service.caller(request, request.query_params.get("token") or body.token)
        rows = [Row(body.text, request.path_params["agent"], RANKING_LENGTH)]
        [prediction] = await service.predict_all(request, caller, rows)
        return json_response(_answer(prediction, body))

    async def hello(request: Request) -> Response:
        return PlainTextResponse(f"Hello from Rasa: {VERSION}")

    async def version(request: Request) -> Response:
        return json_response({"version": VERSION, "minimum_compatible_version": MINIMUM_VERSION})

    async def status(request: Request) -> Response:
        caller = service.caller(request, request.query_params.get("token"))
        info = await service.agent(caller, request.path_params["agent"])
        return json_response({"model_file": info.name, "model_id": info.version, "num_active_training_jobs": 0})

    return [
        Route("/rasa/{agent}/model/parse", parse, methods=["POST"]),
        Route("/rasa/{agent}/", hello),
        Route("/rasa/{agent}/version", version),
        Route("/rasa/{agent}/status", status),
    ]


_OPERATIONS = (
    Operation(
        "/rasa/{agent}/model/parse",
        "post",
        "rasaParse",
        "Answer one text",
        (ParseAnswer,),
        ParseBody,
        also={400: "The body is not JSON, or there is an emulation_mode."},
    ),
    Operation("/rasa/{agent}/", "get", "rasaHello", "Whether the server is there", ()),
    Operation("/rasa/{agent}/version", "get", "rasaVersion", "Which Rasa this speaks like", (VersionAnswer,)),
    Operation("/rasa/{agent}/status", "get", "rasaStatus", "Which version of the agent answers", (StatusAnswer,)),
)
RASA = Dialect(
    ("/rasa/",),
    _routes,
    tuple(operation._replace(tag="Rasa", error=RasaError) for operation in _OPERATIONS),
    _error,
)
