"""Copies of a model: in this process, pickled, and in one that is spawned."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
import shutil

import pytest
import torch

from intent_adapters import IntentModel
from intent_adapters.errors import AdapterError, AgentError
from intent_adapters.runtime.onnx.export import export_base
from tests.support.adapters import random_adapter
from tests.support.tiny import tiny_base

TEXTS = ["예약을 취소해주세요", "how much is it?", "a"]
COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A base, an export of it, and two agents that stand on it, as folders."""
    folder = tmp_path_factory.mktemp("copies")
    base = tiny_base(folder / "source")
    base.save_pretrained(str(folder / "base"))
    export_base(base, folder / "onnx", precision="float32")
    model = IntentModel(base)
    for seed, name in enumerate(("one", "two")):
        model.add_agent(name, random_adapter(base, labels=3 + seed, seed=seed))
        model.save_adapter(name, folder / name)
    return folder


def load(folder, backend, **settings):
    """A model with an agent of every kind: loaded, only registered, trained here, pinned."""
    place = folder / ("onnx" if backend == "onnx" else "base")
    device = {} if backend == "onnx" else {"device": "cpu"}
    model = IntentModel.from_pretrained(place, backend=backend, adapter=folder / "one", **device, **settings)
    model.register_adapter(folder / "two", name="lazy")
    model.add_agent("trained", random_adapter(tiny_base(folder / "again"), labels=2, seed=7))
    model.load_adapter(folder / "two", name="pinned")
    model.pin_adapter("pinned")
    return model


def answers(model):
    return [model.predict(TEXTS, agents=agent) for agent in model.agents]


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("backend", ["torch", "onnx"])
def test_a_copy_answers_the_same_and_is_a_model_of_its_own(folder, backend, how):
    model = load(folder, backend, adapter_dtype="float16", max_adapter_bytes=10**7)
    twin = COPIES[how](model)
    assert twin.agents == model.agents == ("one", "lazy", "trained", "pinned")
    assert answers(twin) == answers(model)
    assert (twin.fingerprint, twin.base_name, twin.base_revision) == (
        model.fingerprint,
        model.base_name,
        model.base_revision,
    )
    assert twin.stats.max_bytes == 10**7
    assert twin.stats.pinned == 1
    twin.unload_adapter("one")
    assert "one" in model.agents
    with pytest.raises(AgentError):
        twin.predict("a", agents="one")
    assert answers(model)


def test_a_copy_of_a_copy(folder):
    model = load(folder, "torch")
    assert answers(copy.deepcopy(pickle.loads(pickle.dumps(model)))) == answers(model)


def test_a_deep_copy_shares_no_weights(folder):
    model = load(folder, "torch")
    twin = copy.deepcopy(model)
    before = answers(twin)
    with torch.no_grad():
        for parameter in model.base.parameters():
            parameter.zero_()
    assert answers(twin) == before


def test_an_agent_that_is_gone_is_told_when_it_is_asked(folder, tmp_path):
    shutil.copytree(folder / "one", tmp_path / "leaving")
    model = load(folder, "torch")
    model.load_adapter(tmp_path / "leaving")
    pickled = pickle.dumps(model)
    shutil.rmtree(tmp_path / "leaving")
    twin = pickle.loads(pickled)
    with pytest.raises(AdapterError, match="leaving"):
        twin.predict("a", agents="leaving")
    assert twin.predict("a", agents="trained") == model.predict("a", agents="trained")


def test_a_spawned_process_answers_the_same(folder):
    models = [load(folder, backend) for backend in ("torch", "onnx")]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(answers, models) == [answers(model) for model in models]
