from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from intent_adapters import IntentModel
from intent_adapters.errors import AdapterError, BaseMismatchError, ConfigError
from tests.runtime.onnx.conftest import Exports
from tests.support.adapters import random_adapter
from tests.support.threads import share_of_other_threads

TEXTS = [
    "cancel my appointment please",
    "hi",
    "예약 취소해 주세요",
    "how much is it? and when? and why? " * 8,
    "where are you",
    "진료비 얼마",
    "0123456789",
]
AGENTS: dict[str, dict[str, object]] = {
    "houlsby": {},
    "again": {"seed": 1},
    "wide": {"bottleneck_size": 7, "seed": 2},
    "pfeiffer": {"sites": "pfeiffer", "seed": 3},
    "prompted": {"prompt": "query: ", "seed": 4},
    "scaled": {"scaling": 0.5, "seed": 5},
    "head only": {"sites": "none", "seed": 6},
    "linear": {"head": "linear", "seed": 7},
    "normalized": {"head": "normalized_linear", "seed": 9, "catch_all": ["intent 1", "intent 3"]},
    "one site": {"target_modules": ["0.attention.output.dense"], "seed": 8},
}


def with_agents(model: IntentModel, exports: Exports) -> IntentModel:
    for name, settings in AGENTS.items():
        model.add_agent(name, random_adapter(exports.base, labels=5, **settings))
    return model


@pytest.fixture(scope="module")
def reference(exports: Exports) -> IntentModel:
    return with_agents(exports.torch(), exports)


@pytest.fixture(scope="module", params=["float32", "float16", "three threads"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def exact(kind: str, exports: Exports) -> IntentModel:
    settings = {"threads": 3} if kind == "three threads" else {"adapter_dtype": kind}
    return with_agents(exports.onnx(**settings), exports)


@pytest.fixture(scope="module")
def tolerance(kind: str) -> float:
    return 2e-2 if kind == "float16" else 1e-4  # an adapter in float16 has ten bits


@pytest.fixture(scope="module")
def small(exports: Exports) -> IntentModel:
    return with_agents(exports.onnx("int8"), exports)


@pytest.mark.parametrize("agent", AGENTS)
def test_a_lone_text_gets_the_answer_of_torch(
    exact: IntentModel, tolerance: float, reference: IntentModel, agent: str
):
    for text in TEXTS:
        ours, theirs = exact.encode(text, agent), reference.encode(text, agent)
        np.testing.assert_allclose(ours, theirs, atol=tolerance)
    assert exact.predict(TEXTS[0], agent).score == pytest.approx(
        reference.predict(TEXTS[0], agent).score, abs=tolerance * 10
    )


def test_bottlenecks_change_the_embedding(exact: IntentModel):
    bare = exact.encode(TEXTS[0])
    for agent in AGENTS:
        changed = np.abs(exact.encode(TEXTS[0], agent) - bare).max() > 0.05
        assert changed == (agent != "head only")


def test_the_bare_base_gives_what_torch_gives(exact: IntentModel, tolerance: float, reference: IntentModel):
    np.testing.assert_allclose(exact.encode(TEXTS), reference.encode(TEXTS), atol=1e-4)
    assert exact.encode([]).shape == (0, 32)
    assert exact.token_lengths([*TEXTS, "long " * 500]) == reference.token_lengths([*TEXTS, "long " * 500])


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_any_mix_of_agents_and_bare_rows(
    exact: IntentModel, tolerance: float, reference: IntentModel, batch_size: int
):
    rng = np.random.default_rng(0)
    texts = [TEXTS[index] for index in rng.integers(len(TEXTS), size=60)]
    names: list[str | None] = [[*AGENTS, None][index] for index in rng.integers(len(AGENTS) + 1, size=60)]
    ours = exact.encode(texts, names, batch_size=batch_size)
    np.testing.assert_allclose(ours, reference.encode(texts, names), atol=tolerance)


def test_a_mixed_batch_of_all_kinds_of_heads_is_answered_as_in_torch(exports: Exports, reference: IntentModel):
    exact = with_agents(exports.onnx(), exports)
    names = ["houlsby", "linear", "normalized", "head only"] * len(TEXTS)
    texts = [text for text in TEXTS for _ in range(4)]
    ours, theirs = exact.predict(texts, agents=names, top_k=5), reference.predict(texts, agents=names, top_k=5)
    for one, other in zip(ours, theirs, strict=True):
        assert (one.agent, one.label, one.in_scope) == (other.agent, other.label, other.in_scope)
        assert dict(one.top_k) == pytest.approx(dict(other.top_k), abs=1e-4)
        assert one.scope_score == pytest.approx(other.scope_score, abs=1e-4)
    caught = {one.label: one.in_scope for one in ours if one.agent == "normalized"}
    assert caught == {label: label not in ("intent 1", "intent 3") for label in caught}


def test_many_rows_of_few_agents(exact: IntentModel, tolerance: float, reference: IntentModel):
    texts = TEXTS * 20
    names = ["wide" if index % 3 else "again" for index in range(len(texts))]
    np.testing.assert_allclose(exact.encode(texts, names), reference.encode(texts, names), atol=tolerance)


def test_in_int8_no_text_is_told_by_its_neighbours(small: IntentModel):
    names = [list(AGENTS)[index % len(AGENTS)] for index in range(len(TEXTS) * 5)]
    together = small.encode(TEXTS * 5, names)
    alone = np.stack([small.encode(text, name) for text, name in zip(TEXTS * 5, names, strict=True)])
    # Sums in another order can turn the rounding of a number to 8 bits over.
    np.testing.assert_allclose(together, alone, atol=5e-3)


def test_int8_stays_close_to_torch(small: IntentModel, reference: IntentModel):
    for agent in AGENTS:
        cosines = (small.encode(TEXTS, agent) * reference.encode(TEXTS, agent)).sum(axis=1)
        assert cosines.min() > 0.99


def test_threads_do_not_disturb_each_other(exact: IntentModel):
    calls = [(text, agent) for text in TEXTS for agent in AGENTS] * 4
    expected = {call: exact.encode(*call) for call in dict.fromkeys(calls)}
    with ThreadPoolExecutor(8) as pool:
        for call, found in zip(calls, pool.map(lambda call: exact.encode(*call), calls), strict=True):
            np.testing.assert_allclose(found, expected[call], atol=1e-6)


def test_batches_do_not_disturb_each_other(exact: IntentModel):
    orders = [np.random.default_rng(seed).permutation(len(TEXTS) * 6) for seed in range(6)]
    texts, agents = TEXTS * 6, list(AGENTS) * 6
    expected = exact.encode(texts, agents[: len(texts)])

    def encode(order: np.ndarray) -> np.ndarray:
        return exact.encode([texts[index] for index in order], [agents[index] for index in order])

    with ThreadPoolExecutor(6) as pool:
        for order, found in zip(orders * 3, pool.map(encode, orders * 3), strict=True):
            np.testing.assert_allclose(found, expected[order], atol=1e-5)


@pytest.mark.parametrize(
    "settings, message",
    [({"sites": "parallel"}, "--sites parallel"), ({"non_linearity": "relu"}, "--non-linearity relu")],
)
def test_what_the_graph_lacks_is_refused_with_the_cure(exports: Exports, settings: dict[str, object], message: str):
    model = exports.onnx()
    with pytest.raises(AdapterError, match=message):
        model.add_agent("other", random_adapter(exports.base, **settings))
    assert model.agents == ()


def test_modules_that_are_nowhere_are_refused_though_no_tensor_misses_them(exports: Exports):
    bare = random_adapter(exports.base, sites="none")
    adapter = bare.with_config(sites="houlsby", target_modules=["nowhere"])
    for model in (exports.torch(), exports.onnx()):
        with pytest.raises(AdapterError, match=r"target_modules=\['nowhere'\] matches no module"):
            model.add_agent("agent", adapter)


def test_adapters_of_another_base_are_refused(exports: Exports):
    adapter = random_adapter(exports.base, base_fingerprint="0" * 64)
    with pytest.raises(BaseMismatchError):
        exports.onnx().add_agent("stranger", adapter)


def test_training_needs_the_base_in_torch(exports: Exports):
    model = exports.onnx()
    assert model.fingerprint == exports.torch().fingerprint
    with pytest.raises(ConfigError, match="load the base that it was exported from"):
        _ = model.base


@pytest.mark.parametrize(
    "settings",
    [{"precision": "int4"}, {"threads": 0}, {"device": "cuda"}, {"dtype": "bfloat16"}, {"adapter_dtype": "int8"}],
)
def test_settings_that_make_no_sense(exports: Exports, settings: dict[str, object]):
    with pytest.raises(ConfigError):
        IntentModel.from_pretrained(exports.float32, backend="onnx", **settings)
    with pytest.raises(ConfigError):
        IntentModel.from_pretrained(exports.float32, backend="torch", threads=1)


def test_an_agent_that_takes_the_place_of_the_one_asked_last_answers_for_itself(
    exports: Exports, reference: IntentModel
):
    model = exports.onnx()
    for agent in ("houlsby", "again", "houlsby"):
        model.add_agent("it", random_adapter(exports.base, labels=5, **AGENTS[agent]), replace=True)
        for _ in range(2):  # the second time its inputs are bound already
            np.testing.assert_allclose(model.encode(TEXTS[0], "it"), reference.encode(TEXTS[0], agent), atol=1e-4)
        np.testing.assert_allclose(model.encode(TEXTS[0]), reference.encode(TEXTS[0]), atol=1e-4)


def test_on_one_thread_no_other_one_computes(exports: Exports) -> None:
    model = exports.onnx(threads=1)
    model.add_agent("agent", random_adapter(exports.base, labels=150))
    assert share_of_other_threads(lambda: model.predict("cancel", "agent")) < 0.1
