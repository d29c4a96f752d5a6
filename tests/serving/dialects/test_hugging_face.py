"""Hugging Face's shapes; its own client reads what comes back."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from huggingface_hub import TextClassificationOutputElement
from starlette.testclient import TestClient

from intent_adapters import IntentModel

TEXTS = ["예약 취소", "cancel my card"]


def asked(client: TestClient, inputs: object, agent: str = "it", **more: object):
    return client.post(f"/hf/{quote(agent)}", json={"inputs": inputs, **more})


def test_one_text_has_a_list_of_its_own_with_all_intents(client: TestClient, model: IntentModel):
    answer = asked(client, TEXTS[0], "예약 상담")
    assert answer.status_code == 200
    # As `InferenceClient.text_classification` reads it.
    found = TextClassificationOutputElement.parse_obj_as_list(answer.content)[0]
    expected = model.predict(TEXTS[0], "예약 상담", top_k=100).top_k
    assert len(expected) == 4
    assert [entry.label for entry in found] == [label for label, _ in expected]
    assert [entry.score for entry in found] == pytest.approx([score for _, score in expected], abs=1e-5)
    assert [entry.keys() for entry in answer.json()[0]] == [{"label", "score"}] * 4


def test_many_texts(client: TestClient, model: IntentModel):
    # `InferenceClient` sends a `None` for what was not set.
    found = asked(client, TEXTS, parameters={"function_to_apply": None, "top_k": 2}).json()
    assert [[entry["label"] for entry in row] for row in found] == [
        [label for label, _ in answer.top_k] for answer in model.predict(TEXTS, "it", top_k=2)
    ]


def test_what_clients_send_beside_it(client: TestClient):
    options = {"use_cache": False, "wait_for_model": True}
    parameters = {"function_to_apply": "softmax"}
    assert asked(client, "a", parameters=parameters, options=options).json() == asked(client, "a").json()


@pytest.mark.parametrize(
    ("agent", "inputs", "parameters", "status", "kind"),
    [
        ("nobody", "a", {}, 404, "unknown_agent"),
        ("it", " ", {}, 422, "empty_text"),
        ("it", [], {}, 422, "invalid_request"),
        ("it", {"text": "a", "text_pair": "b"}, {}, 422, "invalid_request"),
        ("it", "a", {"function_to_apply": "sigmoid"}, 422, "invalid_request"),
        ("it", "a", {"top_k": 0}, 422, "invalid_request"),
        ("it", "a", {"topk": 1}, 422, "invalid_request"),
    ],
)
def test_errors_are_hugging_faces(client: TestClient, agent, inputs, parameters, status: int, kind: str):
    answer = asked(client, inputs, agent, parameters=parameters)
    assert answer.status_code == status
    assert answer.json().keys() == {"error", "error_type"}
    assert answer.json()["error_type"] == kind
    assert answer.headers["x-request-id"]


def test_a_text_that_cannot_be_answered_is_named(client: TestClient):
    assert asked(client, ["a", "", "b"]).json() == {"error": "Text 1: The text is empty.", "error_type": "empty_text"}
