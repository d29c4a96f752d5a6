"""Mixed batches in PyTorch: whatever shares a batch, each row gets what it would get alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intent_adapters import IntentModel
from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.artifacts.encoder import encoder_of
from intent_adapters.errors import AdapterError, ConfigError
from intent_adapters.runtime.torch import TorchRuntime
from tests.support.adapters import random_adapter
from tests.support.shared import minilm_path
from tests.support.tiny import ARCHITECTURES, tiny_base

TEXTS = ["예약 취소", "cancel", "진료비 얼마예요?", "a", "how much is it to change it?", "주세요 " * 20, "0123 4567"]
SHAPES = [
    {"sites": "houlsby", "bottleneck_size": 4},
    {"sites": "houlsby", "bottleneck_size": 4, "scaling": -1.5},
    {"sites": "houlsby", "bottleneck_size": 4},
    {"sites": "houlsby", "bottleneck_size": 4, "non_linearity": "relu"},
    {"sites": "houlsby", "bottleneck_size": 7},
    {"sites": "pfeiffer", "bottleneck_size": 4},
    {"sites": "parallel", "bottleneck_size": 4},
    {"sites": "parallel", "bottleneck_size": 3, "scaling": 0.5},
    {"sites": "none", "prompt": "query: "},
    {"sites": "houlsby", "bottleneck_size": 4, "target_modules": ["0.attention.output.dense"]},
]
NAMES = [None, *(str(index) for index in range(len(SHAPES)))]


def model_of(base, dtype="float32"):
    model = IntentModel(base, adapter_dtype=dtype)
    for index, shape in enumerate(SHAPES):
        model.add_agent(str(index), random_adapter(base, seed=index, **shape))
    return model


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module", params=["float32", "float16"])
def model(request, base):
    return model_of(base, request.param)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(st.sampled_from(TEXTS), st.sampled_from(NAMES)), min_size=1, max_size=40),
    batch_size=st.integers(1, 50),
)
def test_each_row_of_a_mixed_batch_is_embedded_as_alone(model, rows, batch_size):
    texts, names = zip(*rows, strict=True)
    together = model.encode(texts, agents=list(names), batch_size=batch_size)
    alone = {row: model.encode(row[0], agents=row[1]) for row in set(rows)}
    assert np.allclose(together, [alone[row] for row in rows], atol=2e-6)


def test_every_agent_is_what_peft_makes_of_it(base, tmp_path):
    """The stacked, transposed, scaled tensors against the layers that were trained."""
    model = model_of(base)
    for name in model.agents:
        model.save_adapter(name, tmp_path / name)
        copied = tiny_base(tmp_path / f"base {name}")
        encoder_of(copied).load_adapter(str(tmp_path / name))
        prompt = model.adapter(name).config.prompt or ""
        theirs = copied.encode([prompt + text for text in TEXTS])
        assert np.allclose(theirs, model.encode(TEXTS, agents=name), atol=2e-6), SHAPES[int(name)]


def test_bare_rows_are_what_sentence_transformers_gives(model, base):
    assert np.allclose(model.encode(TEXTS), base.encode(TEXTS), atol=1e-6)
    mixed = model.encode([*TEXTS, *TEXTS], agents=[None] * 7 + ["0", "1", "2", "3", "4", "5", "6"])
    assert np.allclose(mixed[:7], base.encode(TEXTS), atol=1e-6)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_row_its_own_agent_on_every_architecture(tmp_path, architecture):
    base = tiny_base(tmp_path, architecture)
    model = IntentModel(base)
    for index in range(12):
        model.add_agent(str(index), random_adapter(base, seed=index, sites=["houlsby", "parallel"][index % 2]))
    together = model.encode(["cancel it"] * 12, agents=list(model.agents))
    alone = [model.encode("cancel it", agents=name) for name in model.agents]
    assert np.allclose(together, alone, atol=2e-6)
    assert len(np.unique(together.round(3), axis=0)) == 12


def test_float16_takes_half_the_memory_and_gives_the_same_answers_if_the_weights_are_float16(base, tmp_path):
    adapter = random_adapter(base, bottleneck_size=32)
    adapter = Adapter(adapter.config, {name: tensor.half().float() for name, tensor in adapter.tensors.items()})
    adapter.write(tmp_path / "a")
    full, half = IntentModel(base), IntentModel(base, adapter_dtype="float16")
    for model in (full, half):
        model.load_adapter(tmp_path / "a")
    assert full.predict(TEXTS) == half.predict(TEXTS)
    numbers = sum(tensor.numel() for name, tensor in adapter.tensors.items() if "head" not in name)
    assert full.stats.bytes - half.stats.bytes == 2 * numbers


def test_weights_beyond_float16_are_refused_in_float16_only(base):
    adapter = random_adapter(base)
    name = next(name for name in adapter.tensors if name.endswith("up.weight"))
    adapter.tensors[name][0, 0] = 1e6
    model = IntentModel(base, adapter_dtype="float16")
    for _ in range(3):
        with pytest.raises(AdapterError, match="too large for float16"):
            model.add_agent("a", adapter)
    assert model.agents == ()
    IntentModel(base).add_agent("a", adapter)


def test_bfloat16_answers_nearly_as_float32_and_leaves_the_base_alone(base):
    exact = model_of(base)
    model = IntentModel(base, dtype="bfloat16")
    for name in exact.agents:
        model.add_agent(name, exact.adapter(name))
    assert {parameter.dtype for parameter in base.parameters()} == {torch.float32}
    for agent in (None, "0", "5", "6", "8"):
        ours, theirs = model.encode(TEXTS, agents=agent), exact.encode(TEXTS, agents=agent)
        assert ours.dtype == np.float32
        assert (ours * theirs).sum(axis=1) == pytest.approx(np.ones(len(TEXTS)), abs=0.01)
    assert not np.array_equal(model.encode(TEXTS), exact.encode(TEXTS))


def test_an_outside_hook_sees_nothing_of_a_route_that_has_ended(base):
    runtime = TorchRuntime(base)
    resident = runtime.admit(random_adapter(base))
    bare = runtime.embed(TEXTS, [None] * 7, 64)
    runtime.embed(TEXTS, [resident] * 7, 64)
    assert np.array_equal(runtime.embed(TEXTS, [None] * 7, 64), bare)


def test_settings_are_checked(base):
    for settings_, match in (
        ({"dtype": "float16"}, "dtype is one of float32, bfloat16"),
        ({"adapter_dtype": "int8"}, "adapter_dtype is one of float32, float16"),
        ({"max_adapter_bytes": 0}, "max_adapter_bytes"),
    ):
        with pytest.raises(ConfigError, match=match):
            IntentModel(base, **settings_)


def test_64_agents_on_a_real_base():
    model = IntentModel.from_pretrained(minilm_path(), device="cpu")
    names = [str(index) for index in range(64)]
    for index, name in enumerate(names):
        adapter = random_adapter(model.base, seed=index, bottleneck_size=16)
        small = {key: tensor * 0.1 if "up." in key else tensor for key, tensor in adapter.tensors.items()}
        model.add_agent(name, Adapter(adapter.config, small))
    texts = [
        "I lost my card",
        "what is the weather like in the city of London today, please?",
        "hi",
        "너무 비싸요",
    ] * 16
    together = model.encode(texts, agents=names)
    for row in range(0, 64, 7):
        assert np.allclose(together[row], model.encode(texts[row], agents=names[row]), atol=2e-5)
