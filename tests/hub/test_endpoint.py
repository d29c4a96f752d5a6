"""A repository of an agent as a Hugging Face Inference Endpoint."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import HfApi, snapshot_download

from intent_adapters import IntentModel
from intent_adapters.hub.endpoint import write_handler
from tests.hub.support import Base, base
from tests.support.loopback_hub import LoopbackHub

__all__ = ["base"]

TEXTS = ["예약 취소", "cancel my card"]


def handler_of(folder: Path) -> Any:
    """The handler of a repository, loaded as the endpoint loads it."""
    spec = importlib.util.spec_from_file_location("handler", folder / "handler.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.EndpointHandler(str(folder))


@pytest.fixture(scope="module")
def repository(base: Base, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("endpoint") / "repository"
    base.adapter(labels=4, base_model_name_or_path=str(base.folder)).write(folder)
    write_handler(folder)
    return folder


def test_it_answers_as_the_model_does(repository: Path):
    handler, model = handler_of(repository), IntentModel.from_pretrained(adapter=repository)
    expected = model.predict(TEXTS, top_k=4)
    whole = [[{"label": label, "score": score} for label, score in answer.top_k] for answer in expected]
    assert handler({"inputs": TEXTS}) == whole
    assert handler({"inputs": TEXTS[0]}) == whole[:1]
    few = {"inputs": TEXTS, "parameters": {"top_k": 2, "function_to_apply": "softmax"}}
    assert handler(few) == [row[:2] for row in whole]
    assert few["parameters"] == {"top_k": 2, "function_to_apply": "softmax"}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({}, "inputs"),
        ({"inputs": []}, "inputs"),
        ({"inputs": " "}, "empty"),
        ({"inputs": "a", "parameters": {"function_to_apply": "sigmoid"}}, "function_to_apply"),
        ({"inputs": "a", "parameters": {"truncation": True}}, "truncation"),
        ({"inputs": "a", "parameters": {"top_k": -1}}, "top_k"),
    ],
)
def test_what_it_does_not_take(repository: Path, data: dict, says: str):
    with pytest.raises(ValueError, match=says):  # which the endpoint answers with status 400
        handler_of(repository)(data)


def test_it_is_pushed_with_the_agent_and_stays(hub: LoopbackHub, base: Base):
    base.publish()
    base.publish_agent(handler=True)
    assert {"handler.py", "requirements.txt"} <= set(hub.files("org/clinic", "main"))
    base.publish_agent(seed=1)
    assert "handler.py" in hub.files("org/clinic", "main")
    assert "handler.py" not in HfApi().list_repo_files("org/base")
    [[best, *_]] = handler_of(Path(snapshot_download("org/clinic")))({"inputs": TEXTS[0]})
    assert best["label"] == IntentModel.from_pretrained(adapter="org/clinic").predict(TEXTS[0]).label
