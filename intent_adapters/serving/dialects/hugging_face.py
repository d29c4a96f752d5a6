"""The dialect of Hugging Face's inference endpoints for text classification."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field, RootModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from intent_adapters.errors import RequestError
from intent_adapters.serving.batching import Row
from intent_adapters.serving.dialects.dialect import ALL, Dialect
from intent_adapters.serving.openapi import Operation
from intent_adapters.serving.responses import json_response, message_of
from intent_adapters.serving.schemas import LabelScore, StrictBody, Text, TopK
from intent_adapters.serving.service import Service


class ClassifyParameters(StrictBody):
    """How the texts are to be answered."""

    top_k: TopK | None = Field(None, description="How many intents an answer lists, at most; left out: all.")
    function_to_apply: Literal["softmax"] | None = Field(
        None, description="Scores are calibrated probabilities: they can be no others."
    )


class ClassifyBody(StrictBody):
    """One text or several."""

    inputs: Text | Annotated[list[Text], Field(min_length=1)]
    parameters: ClassifyParameters | None = None
    options: dict[str, bool] | None = Field(None, description="Of caches and waiting, which play no part here.")


class ClassifyAnswer(RootModel[list[list[LabelScore]]]):
    """For each text a list of intents with their probabilities, most probable first; so, too, where there is one."""


class HuggingFaceError(BaseModel):
    """What went wrong."""

    error: str = Field(description="For people.")
    error_type: str = Field(description="For programs.")


def _error(error: RequestError) -> object:
    return {"error": message_of(error), "error_type": error.code}


def _routes(service: Service) -> list[Route]:
    async def classify(request: Request) -> Response:
        caller = service.caller(request)
        body = await service.read(request, ClassifyBody)
        texts = [body.inputs] if isinstance(body.inputs, str) else body.inputs
        top_k = (body.parameters and body.parameters.top_k) or ALL
        rows = [Row(text, request.path_params["agent"], top_k) for text in texts]
        predictions = await service.predict_all(request, caller, rows)
        return json_response([prediction.to_dict()["top_k"] for prediction in predictions])

    return [Route("/hf/{agent}", classify, methods=["POST"])]


_CLASSIFY = Operation(
    "/hf/{agent}",
    "post",
    "huggingFaceClassify",
    "Answer one text or several",
    (ClassifyAnswer,),
    ClassifyBody,
    tag="Hugging Face",
    error=HuggingFaceError,
)
HUGGING_FACE = Dialect(("/hf/",), _routes, (_CLASSIFY,), _error)
