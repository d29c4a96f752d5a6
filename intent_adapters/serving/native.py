"""The native paths: one text, many, many of many agents; and which agents there are."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from intent_adapters.errors import RequestError
from intent_adapters.prediction import Prediction
from intent_adapters.serving.batching import Row
from intent_adapters.serving.responses import error_entry, json_response
from intent_adapters.serving.schemas import PredictBody, PredictRowsBody
from intent_adapters.serving.service import Service


def native_routes(service: Service) -> list[Route]:
    """The routes of `/v1`."""

    async def predict(request: Request) -> Response:
        caller = service.caller(request)
        body = await service.read(request, PredictBody)
        agent = request.path_params["agent"]
        rows = [Row(text, agent, body.top_k, body.threshold) for text in body.all_texts]
        answers = await service.predict(request, caller, rows)
        for answer in answers:
            # The path names the agent: if it cannot answer, that is so of the request and not of some texts.
            if isinstance(answer, RequestError) and (body.text is not None or answer.status in (404, 503)):
                raise answer
        return _together(answers) if body.text is None else json_response(_entry(answers[0]))

    async def predict_rows(request: Request) -> Response:
        caller = service.caller(request)
        body = await service.read(request, PredictRowsBody)
        rows = [Row(row.text, row.agent, body.top_k, body.threshold) for row in body.rows]
        return _together(await service.predict(request, caller, rows))

    async def agents(request: Request) -> Response:
        caller = service.caller(request)
        names = [{"name": name} for name in service.agents.names if caller.may_ask(name)]
        if caller.agents is None:
            return json_response({"agents": names, "generation": service.agents.generation})
        return json_response({"agents": names})

    async def agent(request: Request) -> Response:
        info = await service.agent(service.caller(request), request.path_params["agent"])
        return json_response(
            {"name": info.name, "intents": info.labels, "threshold": info.threshold, "version": info.version}
        )

    return [
        Route("/v1/agents/{agent}/predict", predict, methods=["POST"]),
        Route("/v1/predict", predict_rows, methods=["POST"]),
        Route("/v1/agents", agents),
        Route("/v1/agents/{agent}", agent),
    ]


def _together(answers: list[Prediction | RequestError]) -> Response:
    return json_response({"predictions": [*map(_entry, answers)]})


def _entry(answer: Prediction | RequestError) -> dict[str, object]:
    return answer.to_dict() if isinstance(answer, Prediction) else {"error": error_entry(answer)}
