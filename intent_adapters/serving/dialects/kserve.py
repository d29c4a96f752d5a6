"""The dialect of KServe V2, the Open Inference Protocol, which Triton and MLServer speak, too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from intent_adapters import __version__
from intent_adapters.errors import RequestError
from intent_adapters.prediction import Prediction
from intent_adapters.serving.batching import Row
from intent_adapters.serving.dialects.dialect import Dialect
from intent_adapters.serving.openapi import Operation
from intent_adapters.serving.responses import json_response, message_of
from intent_adapters.serving.schemas import StrictBody, Text, Threshold, TopK
from intent_adapters.serving.service import Service

NAME = "intent-adapters"
INPUT = "text"
# The outputs: their data types and how many dimensions they have.
OUTPUTS = {
    "label": ("BYTES", 1),
    "score": ("FP32", 1),
    "in_scope": ("BOOL", 1),
    "scope_score": ("FP32", 1),
    "top_k_label": ("BYTES", 2),
    "top_k_score": ("FP32", 2),
}
# By which a client says that bytes follow the JSON.
BINARY_HEADER = "inference-header-content-length"


class InferParameters(StrictBody):
    """How the texts are to be answered."""

    top_k: TopK = 3
    threshold: Threshold = None
    binary_data_output: bool | None = Field(default=None, description="Plays no part: answers are JSON.")


class InputTensor(StrictBody):
    """The texts."""

    name: Literal["text"]
    shape: list[Annotated[int, Field(ge=1, le=2**31 - 1)]] = Field(
        min_length=1, max_length=2, description="[texts] or [texts, 1]."
    )
    datatype: Literal["BYTES"]
    parameters: dict[str, Any] | None = None
    data: list[Text | list[Text]] = Field(min_length=1, description="Strings, flat or in lists of one.")


class RequestedOutput(StrictBody):
    """An output that is wanted."""

    name: Literal["label", "score", "in_scope", "scope_score", "top_k_label", "top_k_score"]
    parameters: dict[str, Any] | None = None


class InferBody(StrictBody):
    """Texts for the agent that the path names."""

    id: str | None = None
    parameters: InferParameters = InferParameters()
    inputs: list[InputTensor] = Field(min_length=1, max_length=1)
    outputs: list[RequestedOutput] | None = Field(None, description="Left out: all.")


class OutputTensor(BaseModel):
    """One figure of every text."""

    name: str
    datatype: str
    shape: list[int]
    data: list[str | float | bool]


class InferAnswer(BaseModel):
    """The answers."""

    model_name: str
    model_version: str
    id: str | None = Field(None, description="As it came.")
    outputs: list[OutputTensor]


class ServerAnswer(BaseModel):
    """What this server is."""

    name: str
    version: str
    extensions: list[str]


class TensorMetadata(BaseModel):
    """An input or output."""

    name: str
    datatype: str
    shape: list[int]


class ModelAnswer(BaseModel):
    """What an agent is."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class LiveAnswer(BaseModel):
    """Whether the server lives."""

    live: bool


class ReadyAnswer(BaseModel):
    """Whether requests can be sent."""

    ready: bool


class ModelReadyAnswer(BaseModel):
    """Whether an agent can be asked."""

    name: str
    ready: bool


class KServeError(BaseModel):
    """What went wrong."""

    error: str


def _error(error: RequestError) -> object:
    return {"error": message_of(error)}


def _texts(tensor: InputTensor) -> list[str]:
    texts = [text for part in tensor.data for text in ([part] if isinstance(part, str) else part)]
    if tensor.shape[1:] not in ([], [1]) or tensor.shape[0] != len(texts):
        message = f"The input has {len(texts)} texts and the shape {tensor.shape}: it must be [texts] or [texts, 1]."
        raise RequestError(422, "invalid_request", message)
    return texts


def _wanted(body: InferBody) -> list[str]:
    """The names of the outputs that are wanted."""
    if body.outputs is None:
        return list(OUTPUTS)
    if any("classification" in (output.parameters or {}) for output in body.outputs):
        raise RequestError(422, "invalid_request", "There is no classification of outputs: ask for top_k_label.")
    return [output.name for output in body.outputs]


def _output(name: str, predictions: Sequence[Prediction]) -> dict[str, object]:
    datatype, dimensions = OUTPUTS[name]
    shape = [len(predictions)]
    if dimensions == 1:
        data = [getattr(prediction, name) for prediction in predictions]
    else:
        # An agent that is replaced amid a request may have fewer intents than before.
        shape.append(min(len(prediction.top_k) for prediction in predictions))
        place = ("top_k_label", "top_k_score").index(name)
        data = [entry[place] for prediction in predictions for entry in prediction.top_k[: shape[1]]]
    return {"name": name, "datatype": datatype, "shape": shape, "data": data}


def _routes(service: Service) -> list[Route]:
    async def infer(request: Request) -> Response:
        caller = service.caller(request)
        if BINARY_HEADER in request.headers:
            raise RequestError(415, "unsupported_encoding", "Send the texts as JSON: set binary_data to false.")
        body = await service.read(request, InferBody)
        agent, parameters, wanted = request.path_params["agent"], body.parameters, _wanted(body)
        rows = [Row(text, agent, parameters.top_k, parameters.threshold) for text in _texts(body.inputs[0])]
        predictions = await service.predict_all(request, caller, rows)
        answer = {
            "model_name": predictions[0].agent,
            "model_version": predictions[0].version,
            "outputs": [_output(name, predictions) for name in wanted],
        }
        return json_response(answer if body.id is None else {**answer, "id": body.id})

    async def model(request: Request) -> Response:
        info = await service.agent(service.caller(request), request.path_params["agent"])
        return json_response(
            {
                "name": info.name,
                "versions": [info.version],
                "platform": NAME,
                "inputs": [{"name": INPUT, "datatype": "BYTES", "shape": [-1]}],
                "outputs": [
                    {"name": name, "datatype": datatype, "shape": [-1] * dimensions}
                    for name, (datatype, dimensions) in OUTPUTS.items()
                ],
            }
        )

    async def model_ready(request: Request) -> Response:
        info = await service.agent(service.caller(request), request.path_params["agent"])
        return json_response({"name": info.name, "ready": True})

    async def server(request: Request) -> Response:
        return json_response({"name": NAME, "version": __version__, "extensions": []})

    async def live(request: Request) -> Response:
        return json_response({"live": service.is_alive}, 200 if service.is_alive else 503)

    async def ready(request: Request) -> Response:
        return json_response({"ready": service.is_ready}, 200 if service.is_ready else 503)

    return [
        Route("/v2/models/{agent}/infer", infer, methods=["POST"]),
        Route("/v2/models/{agent}", model),
        Route("/v2/models/{agent}/ready", model_ready),
        Route("/v2", server),
        Route("/v2/health/live", live),
        Route("/v2/health/ready", ready),
    ]


_STOPPED = {503: "No: the body says so, too."}
_OPERATIONS = (
    Operation(
        "/v2/models/{agent}/infer", "post", "kserveInfer", "Answer texts with one agent", (InferAnswer,), InferBody
    ),
    Operation("/v2/models/{agent}", "get", "kserveModel", "The inputs and outputs of an agent", (ModelAnswer,)),
    Operation(
        "/v2/models/{agent}/ready", "get", "kserveModelReady", "Whether an agent can be asked", (ModelReadyAnswer,)
    ),
    Operation("/v2", "get", "kserveServer", "What this server is", (ServerAnswer,)),
    Operation("/v2/health/live", "get", "kserveLive", "Whether the server lives", (LiveAnswer,), also=_STOPPED),
    Operation("/v2/health/ready", "get", "kserveReady", "Whether it takes requests", (ReadyAnswer,), also=_STOPPED),
)
KSERVE = Dialect(
    ("/v2",),
    _routes,
    tuple(operation._replace(tag="KServe V2", error=KServeError) for operation in _OPERATIONS),
    _error,
)
