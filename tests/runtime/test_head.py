"""`AgentHead`: probabilities, scope scores and verdicts against the plain formulas in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from intent_adapters import BottleneckConfig
from intent_adapters.adapter_config.tensors import HEAD
from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.bottleneck import Calibration
from intent_adapters.runtime.head import AgentHead, AgentRows, predictions
from tests.support.adapters import config_of
from tests.support.threads import share_of_other_threads

DIM, LABELS = 7, 5


def make_adapter(head="cosine", seed=0, labels="abcde", **settings):
    draw = torch.Generator().manual_seed(seed)
    config = config_of(sites="none", head=head, labels=list(labels), **settings)
    tensors = {f"{HEAD}.weight": torch.randn(len(labels), DIM, generator=draw) * 3}
    last = "scale" if head == "cosine" else "bias"
    tensors[f"{HEAD}.{last}"] = torch.tensor([9.0]) if head == "cosine" else torch.randn(len(labels), generator=draw)
    return Adapter(config, tensors)


def embeddings(rows=20, seed=1):
    return torch.randn(rows, DIM, generator=torch.Generator().manual_seed(seed)).numpy()


def answers(adapter, rows, top_k=LABELS, threshold=None):
    asked = [AgentRows("agent", AgentHead(adapter), range(len(rows)))]
    return [answer for _, answer in predictions(asked, rows, top_k, [threshold] * len(rows))]


def reference(adapter, rows):
    """Logits over the temperature, one row and one label at a time."""
    weight = adapter.tensors[f"{HEAD}.weight"].double().numpy()
    logits = np.empty((len(rows), LABELS))
    for i, row in enumerate(rows.astype(np.float64)):
        for j, vector in enumerate(weight):
            if adapter.config.head == "cosine":
                scale = float(adapter.tensors[f"{HEAD}.scale"][0])
                logits[i, j] = scale * (row @ vector) / np.sqrt(row @ row) / np.sqrt(vector @ vector)
            else:
                length = np.sqrt(row @ row) if adapter.config.head == "normalized_linear" else 1
                logits[i, j] = row @ vector / length + float(adapter.tensors[f"{HEAD}.bias"][j])
    return logits / adapter.config.calibration.temperature


@pytest.mark.parametrize("head", ["cosine", "linear", "normalized_linear"])
@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_probabilities_and_scope_scores_are_the_formulas(head, temperature):
    adapter = make_adapter(head, temperature=temperature, scope_location=3.5, scope_spread=0.8)
    rows = embeddings()
    logits = reference(adapter, rows)
    energies = np.log(np.exp(logits).sum(axis=1))
    for answer, row, energy in zip(answers(adapter, rows), logits, energies, strict=True):
        expected = dict(zip("abcde", np.exp(row) / np.exp(row).sum(), strict=True))
        assert dict(answer.top_k) == pytest.approx(expected, abs=1e-5)
        assert answer.label == "abcde"[row.argmax()]
        assert answer.score == answer.top_k[0][1]
        assert answer.scope_score == pytest.approx(1 / (1 + np.exp(-(energy - 3.5) / 0.8)), abs=1e-5)


def test_without_calibration_the_scope_score_is_the_highest_probability():
    for answer in answers(make_adapter(), embeddings()):
        assert answer.scope_score == answer.score
        assert answer.in_scope


@pytest.mark.parametrize("calibrated", [{}, {"scope_location": 5.0, "scope_spread": 1.0}])
def test_in_scope_is_reaching_the_threshold_of_the_call_or_else_of_the_agent(calibrated):
    adapter = make_adapter(threshold=0.6, **calibrated)
    own, of_call = answers(adapter, embeddings()), answers(adapter, embeddings(), threshold=0.3)
    assert {answer.in_scope for answer in own} == {True, False}
    assert [answer.in_scope for answer in own] == [answer.scope_score >= 0.6 for answer in own]
    assert [answer.in_scope for answer in of_call] == [answer.scope_score >= 0.3 for answer in of_call]
    limit = own[3].scope_score
    assert answers(adapter, embeddings(), threshold=limit)[3].in_scope


@pytest.mark.parametrize("settings", [{}, {"threshold": 0.5, "scope_location": 5.0, "scope_spread": 1.0}])
def test_an_answer_with_a_catch_all_is_out_of_scope_whatever_the_score(settings):
    plain, caught = (
        answers(make_adapter(catch_all=catch_all, **settings), embeddings()) for catch_all in (None, ["b", "d"])
    )
    assert {answer.label for answer in plain} >= {"b", "d"}
    for one, other in zip(plain, caught, strict=True):
        assert other.in_scope == (one.in_scope and one.label not in ("b", "d"))
        assert (other.label, other.top_k, other.scope_score) == (one.label, one.top_k, one.scope_score)


@given(st.floats(0.02, 50), st.integers(0, 50))
@settings(max_examples=40, deadline=None)
def test_the_temperature_never_changes_the_label(temperature, seed):
    plain = make_adapter(seed=seed)
    warm = plain.with_config(calibration=Calibration(temperature))
    rows = embeddings(seed=seed + 1)
    before, after = answers(plain, rows), answers(warm, rows)
    assert [answer.label for answer in before] == [answer.label for answer in after]
    for answer in after:
        assert sum(score for _, score in answer.top_k) == pytest.approx(1, abs=1e-5)


def test_rows_do_not_depend_on_their_neighbours():
    adapter = make_adapter(threshold=0.5, scope_location=4.0, scope_spread=1.0)
    rows = embeddings(50)
    together = answers(adapter, rows)
    for index, answer in enumerate(together):
        alone = answers(adapter, rows[index : index + 1])[0]
        assert (alone.label, alone.in_scope) == (answer.label, answer.in_scope)
        assert alone.scope_score == pytest.approx(answer.scope_score, abs=1e-6)


@pytest.mark.parametrize("top_k", [1, 4, 9])
def test_agents_asked_together_answer_as_when_asked_alone(top_k):
    agents = [
        make_adapter(),
        make_adapter("linear", seed=1, labels="xyz", threshold=0.7),
        make_adapter("normalized_linear", seed=2, labels="p"),
        make_adapter("linear", seed=3, temperature=0.5, scope_location=1.0, scope_spread=2.0, threshold=0.4),
    ]
    rows = embeddings(12)
    heads = [AgentHead(adapter) for adapter in agents]
    asked = [AgentRows(f"agent-{index}", head, range(index, 12, 4)) for index, head in enumerate(heads)]
    together = dict(predictions(asked, rows, top_k, [None] * len(rows)))
    assert sorted(together) == list(range(12))
    for row, answer in together.items():
        [alone] = answers(agents[row % 4], rows[row : row + 1], top_k)
        assert (answer.agent, answer.label, answer.in_scope) == (f"agent-{row % 4}", alone.label, alone.in_scope)
        assert [label for label, _ in answer.top_k] == [label for label, _ in alone.top_k]
        assert len(answer.top_k) == min(top_k, len(agents[row % 4].labels))
        assert dict(answer.top_k) == pytest.approx(dict(alone.top_k), abs=1e-6)
        assert answer.scope_score == pytest.approx(alone.scope_score, abs=1e-6)


def test_far_from_everything_is_less_in_scope_than_near_one_intent():
    adapter = make_adapter(scope_location=4.0, scope_spread=1.0)
    weight = adapter.tensors[f"{HEAD}.weight"]
    outside = torch.linalg.svd(weight).Vh[-1:]  # at right angles to every intent
    near, far = answers(adapter, torch.cat([weight[:1], outside]).numpy())
    assert near.scope_score > 0.9 > 0.2 > far.scope_score


def test_large_logits_stay_finite():
    adapter = make_adapter("linear", temperature=1e-3, scope_location=0.0, scope_spread=1.0)
    for answer in answers(adapter, embeddings() * 100):
        assert answer.score == pytest.approx(1)
        assert 0 <= answer.scope_score <= 1


@pytest.mark.parametrize(("rows", "labels"), [(1, 30), (8, 30), (64, 30), (64, 150), (64, 2000)])
def test_products_wake_no_thread(rows, labels):
    draw = torch.Generator().manual_seed(0)
    config = BottleneckConfig(sites="none", labels=[str(label) for label in range(labels)])
    tensors = {f"{HEAD}.weight": torch.randn(labels, 384, generator=draw), f"{HEAD}.scale": torch.tensor([9.0])}
    asked = [AgentRows("agent", AgentHead(Adapter(config, tensors)), range(rows))]
    vectors = torch.randn(rows, 384, generator=draw).numpy()
    assert share_of_other_threads(lambda: list(predictions(asked, vectors, 3, [None] * len(vectors)))) < 0.1


def test_large_products_are_the_small_ones_together():
    draw = torch.Generator().manual_seed(0)
    config = BottleneckConfig(sites="none", head="linear", labels=[str(label) for label in range(700)])
    tensors = {
        f"{HEAD}.weight": torch.randn(700, 384, generator=draw) / 20,
        f"{HEAD}.bias": torch.randn(700, generator=draw),
    }
    head = AgentHead(Adapter(config, tensors))
    rows = torch.randn(64, 384, generator=draw).numpy()
    together = dict(predictions([AgentRows("agent", head, range(64))], rows, 3, [None] * 64))
    for row in range(64):
        [(_, alone)] = predictions([AgentRows("agent", head, [0])], rows[row : row + 1], 3, [None])
        assert dict(together[row].top_k) == pytest.approx(dict(alone.top_k), abs=1e-6)


def test_a_row_gets_the_same_bits_in_a_small_batch_as_alone():
    head, rows = AgentHead(make_adapter()), embeddings(40)
    together = dict(predictions([AgentRows("agent", head, range(40))], rows, LABELS, [None] * 40))
    for row in range(40):
        [(_, alone)] = predictions([AgentRows("agent", head, [0])], rows[row : row + 1], LABELS, [None])
        assert together[row] == alone
