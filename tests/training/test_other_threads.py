"""Trainings beside one another and beside other threads: the weights of the lone one, and nobody's state changed."""

from __future__ import annotations

import contextlib
import random
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from datasets import Dataset
from sentence_transformers import SentenceTransformer

from intent_adapters import BottleneckConfig, IntentModel
from intent_adapters.training import train_agent
from intent_adapters.training.base.distillation import distill
from intent_adapters.training.base.encoder import train_encoder
from intent_adapters.training.base.pair_training import PairTraining
from intent_adapters.training.base.pretraining import MaskedTraining, pretrain
from intent_adapters.training.base.student import student_from_shape
from intent_adapters.training.randomness import own_process
from tests.support.short_trainings import short_trainings
from tests.support.tiny import tiny_base, tiny_tokenizer

__all__ = ["short_trainings"]

pytestmark = pytest.mark.usefixtures("short_trainings")

ROWS = [
    {"text": text, "label": label}
    for label, texts in {
        "open": ["when do you open", "are you open now", "opening hours", "영업 시간"],
        "pay": ["can i pay by card", "i want to pay", "which cards do you take", "카드 되나요"],
        "park": ["where can i park", "is there parking", "parking please", "주차 되나요"],
    }.items()
    for text in texts
]
PAIRS = Dataset.from_dict({"anchor": [f"ask {n}" for n in range(24)], "positive": [f"answer {n}" for n in range(24)]})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("base")


@pytest.fixture
def model(folder):
    return IntentModel(tiny_base(folder))


def weights(model, name, **settings):
    result = train_agent(model, name, ROWS, **{"progress": False, "epochs": 2, "replace": True, **settings})
    return result.model.adapter(name).tensors


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def global_states():
    _, *numpy_state = np.random.get_state()  # noqa: NPY002
    return [random.getstate(), *map(str, numpy_state), torch.get_rng_state().tolist(), torch.get_default_dtype()]


@pytest.mark.parametrize(
    "settings", [{}, {"config": BottleneckConfig(dropout=0.3)}, {"method": "full"}, {"method": "probe"}]
)
def test_agents_trained_at_once_are_the_agents_trained_alone(model, settings):
    names = ["a", "b", "c"]
    alone = weights(model, "alone", calibrate=True, **settings)
    states = global_states()
    with ThreadPoolExecutor(len(names)) as pool:
        together = list(pool.map(lambda name: weights(model, name, calibrate=True, **settings), names))
    assert all(same(alone, other) for other in together)
    assert global_states() == states


@pytest.fixture
def restless():
    """Another thread, which seeds and draws from the random states of the process all the time."""
    stop = threading.Event()

    def draw():
        while not stop.is_set():
            torch.manual_seed(7), torch.rand(3), np.random.seed(7), np.random.random(), random.seed(7)  # noqa: NPY002

    thread = threading.Thread(target=draw)
    thread.start()
    yield
    stop.set()
    thread.join()


def test_a_thread_that_seeds_and_draws_has_no_influence(model, request):
    settings = {"config": BottleneckConfig(dropout=0.3)}
    alone = weights(model, "alone", **settings)
    request.getfixturevalue("restless")
    assert same(alone, weights(model, "beside", **settings))


def stage_1(folder, name, base):
    train_encoder(base, PAIRS, folder / name, training=PairTraining(steps=3, batch_size=8, warmup_steps=1, seed=5))


def stage_2(folder, name, base):
    student = student_from_shape(base, {"num_hidden_layers": 1}, seed=3)
    training = PairTraining(steps=3, batch_size=8, warmup_steps=1, seed=5)
    distill(base, student, PAIRS, folder / name, num_relation_heads=4, training=training)


def pretraining(folder, name, _):
    shape = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    training = MaskedTraining(steps=3, batch_size=4, block_length=16, max_seq_length=16, warmup_steps=1, seed=5)
    pretrain(["cancel my visit please"] * 40, tiny_tokenizer(), folder / name, shape=shape, training=training)


@pytest.mark.parametrize("stage", [stage_1, stage_2, pretraining])
def test_trainings_that_share_the_process_take_turns(stage, folder, tmp_path):
    names = ["a", "b"]
    bases = [tiny_base(folder) for _ in range(3)]
    stage(tmp_path, "alone", bases[0])
    states = global_states()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda pair: stage(tmp_path, *pair), zip(names, bases[1:], strict=True)))
    assert global_states() == states
    alone, *together = (
        SentenceTransformer(str(tmp_path / name), device="cpu").state_dict() for name in ("alone", *names)
    )
    assert all(same(alone, other) for other in together)


@pytest.mark.parametrize("ending", [KeyboardInterrupt, ValueError])
def test_an_interrupted_training_leaves_states_and_the_turn_to_others(ending):
    states = global_states()
    with contextlib.suppress(ending), own_process(3):
        random.random(), np.random.random(), torch.rand(1)  # noqa: NPY002
        raise ending
    assert global_states() == states

    def take_a_turn():
        with own_process(4):
            return "done"

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(take_a_turn).result(timeout=60) == "done"


def test_an_interrupted_agent_training_leaves_the_model_as_it_was(model, monkeypatch):
    states = global_states()

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("torch.optim.AdamW.step", interrupt)
    with pytest.raises(KeyboardInterrupt):
        weights(model, "never")
    assert model.agents == ()
    assert global_states() == states
    assert not any(parameter.requires_grad for parameter in model.base.parameters())


@pytest.mark.parametrize("stage", [stage_1, stage_2])
def test_what_the_caller_set_for_itself_does_not_reach_the_first_stages(stage, folder, tmp_path):
    bases = [tiny_base(folder) for _ in range(2)]
    stage(tmp_path, "plain", bases[0])
    torch.set_default_dtype(torch.float64)
    try:
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
            stage(tmp_path, "set", bases[1])
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    plain, other = (SentenceTransformer(str(tmp_path / name), device="cpu").state_dict() for name in ("plain", "set"))
    assert same(plain, other)
