"""The OpenAPI document says what the paths do."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from intent_adapters.serving.dialects import DIALECTS
from intent_adapters.serving.native import native_routes
from intent_adapters.serving.openapi import NATIVE, openapi_document

DOCUMENT = openapi_document([*NATIVE, *(operation for dialect in DIALECTS for operation in dialect.operations)])


def refs(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [value["$ref"]] if "$ref" in value else [ref for entry in value.values() for ref in refs(entry)]
    return [ref for entry in value for ref in refs(entry)] if isinstance(value, list) else []


def test_every_path_is_described_and_no_other(client: TestClient):
    assert client.get("/openapi.json").json() == DOCUMENT
    service = client.app.service
    routes = [*native_routes(service), *(route for dialect in DIALECTS for route in dialect.routes(service))]
    described = {(path, method.upper()) for path, item in DOCUMENT["paths"].items() for method in item}
    assert described == {(route.path, method) for route in routes for method in route.methods - {"HEAD"}}


def test_every_reference_leads_somewhere():
    schemas = DOCUMENT["components"]["schemas"]
    assert {ref.rpartition("/")[2] for ref in refs(DOCUMENT)} <= schemas.keys()
    assert {"PredictBody", "ErrorAnswer", "RasaError", "ClassifyBody", "InferBody", "OpenAIError"} <= schemas.keys()
    assert not [name for name in schemas if "__" in name]  # two models of one name


def test_each_dialect_has_a_tag_and_its_own_errors():
    errors: dict[str, set[str]] = {}
    for item in DOCUMENT["paths"].values():
        for operation in item.values():
            [tag] = operation["tags"]
            errors.setdefault(tag, set()).update(refs(operation["responses"]["500"]))
    assert len(errors) == len(DIALECTS) + 1
    assert all(len(found) == 1 for found in errors.values())


@pytest.mark.parametrize("path", ["/v1/agents/{agent}/predict", "/v1/predict"])
def test_answers_have_the_fields_that_it_names(client: TestClient, path: str):
    body = {"text": "a"} if "{agent}" in path else {"rows": [{"text": "a", "agent": "it"}]}
    answer = client.post(path.format(agent="it"), json=body).json()
    answer = answer.get("predictions", [answer])[0]
    schema = DOCUMENT["components"]["schemas"]["PredictionAnswer"]
    assert set(answer) == set(schema["required"])
    assert schema["properties"].keys() - answer.keys() == {"entities"}  # of agents that define some


def test_operations_have_names_of_their_own():
    names = [operation["operationId"] for item in DOCUMENT["paths"].values() for operation in item.values()]
    assert len(names) == len(set(names))
