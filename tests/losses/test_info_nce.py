"""InfoNCE of stage 1 against slow loops in float64, under autocast, and in slices."""

from __future__ import annotations

import math

import pytest
import torch

from intent_adapters.errors import ConfigError
from intent_adapters.losses import CachedInfoNCELoss, InfoNCELoss
from tests.support.tiny import tiny_base

PAIRS = [("abc 1", "cab"), ("예약 취소", "취소"), ("hello", "oh"), ("진료비", "얼마")]


def cosine(a, b):
    return float(a @ b) / math.sqrt(float(a @ a) * float(b @ b))


def one_direction(anchors, candidates, temperature):
    losses = []
    for i, anchor in enumerate(anchors):
        scores = [math.exp(cosine(anchor, candidate) / temperature) for candidate in candidates]
        losses.append(-math.log(scores[i] / sum(scores)))
    return sum(losses) / len(losses)


def embeddings(rows=5, dim=4, columns=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(rows, dim, generator=generator, dtype=torch.float64).requires_grad_() for _ in range(columns)]


def features(model, pairs=PAIRS):
    return [model.preprocess(list(column)) for column in zip(*pairs, strict=True)]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_base(tmp_path_factory.mktemp("info_nce"))


@pytest.mark.parametrize("temperature", [0.02, 0.05, 1.0])
@pytest.mark.parametrize("symmetric", [False, True])
def test_value_equals_the_loop(model, temperature, symmetric):
    anchors, positives = embeddings(seed=3)
    loss = InfoNCELoss(model, temperature, symmetric).compute_loss_from_embeddings([anchors, positives])
    a, p = anchors.detach().numpy(), positives.detach().numpy()
    expected = one_direction(a, p, temperature)
    if symmetric:
        expected = (expected + one_direction(p, a, temperature)) / 2
    assert loss.item() == pytest.approx(expected, rel=1e-9)


def test_hard_negatives_join_the_candidates(model):
    anchors, positives, negatives = embeddings(columns=3)
    loss = InfoNCELoss(model, 0.1).compute_loss_from_embeddings([anchors, positives, negatives])
    candidates = [*positives.detach().numpy(), *negatives.detach().numpy()]
    assert loss.item() == pytest.approx(one_direction(anchors.detach().numpy(), candidates, 0.1), rel=1e-9)


@pytest.mark.parametrize("symmetric", [False, True])
def test_gradient(model, symmetric):
    loss = InfoNCELoss(model, 0.3, symmetric)
    assert torch.autograd.gradcheck(lambda a, b: loss.compute_loss_from_embeddings([a, b]), embeddings(rows=3))


def test_half_precision_embeddings_are_compared_in_full_precision(model):
    anchors, positives = (column.detach().to(torch.bfloat16) for column in embeddings(rows=16, dim=32))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = InfoNCELoss(model, 0.01).compute_loss_from_embeddings([anchors, positives])
    expected = one_direction(anchors.double().numpy(), positives.double().numpy(), 0.01)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(expected, rel=1e-4)


def test_forward_embeds_and_trains_the_model(model):
    loss = InfoNCELoss(model, 0.05)(features(model), None)
    texts = list(zip(*PAIRS, strict=True))
    anchors, positives = (model.encode(list(column)).astype("float64") for column in texts)
    assert loss.item() == pytest.approx(one_direction(anchors, positives, 0.05), rel=1e-4)
    loss.backward()
    assert all(parameter.grad is not None for parameter in model[0].auto_model.encoder.parameters())
    model.zero_grad()


def loss_and_gradient(model, loss):
    model.zero_grad()
    value = loss(features(model), None)
    value.backward()
    gradient = torch.cat([p.grad.flatten() for p in model[0].auto_model.encoder.parameters()])
    model.zero_grad()
    return value.item(), gradient


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("slice_size", [1, 3, 8])
def test_in_slices_it_is_the_same_loss_with_the_same_gradients(tmp_path, symmetric, slice_size):
    model = tiny_base(tmp_path).double()
    whole = loss_and_gradient(model, InfoNCELoss(model, 0.05, symmetric))
    sliced = loss_and_gradient(model, CachedInfoNCELoss(model, 0.05, symmetric, mini_batch_size=slice_size))
    anchors, positives = (model.encode(list(column)) for column in zip(*PAIRS, strict=True))
    expected = one_direction(anchors, positives, 0.05)
    if symmetric:
        expected = (expected + one_direction(positives, anchors, 0.05)) / 2
    assert whole[0] == pytest.approx(expected, rel=1e-9)
    assert sliced[0] == pytest.approx(expected, rel=1e-9)
    torch.testing.assert_close(sliced[1], whole[1], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("settings", [{}, {"mini_batch_size": 2}])
def test_under_autocast_only_the_encoder_is_rough(tmp_path, dtype, settings):
    model = tiny_base(tmp_path)
    kind = CachedInfoNCELoss if settings else InfoNCELoss
    exact = loss_and_gradient(model, kind(model, 0.02, True, **settings))
    with torch.autocast("cpu", dtype=dtype):
        rough = loss_and_gradient(model, kind(model, 0.02, True, **settings))
        anchors, positives = (
            model(dict(column))["sentence_embedding"].detach().double().numpy() for column in features(model)
        )
    # Of the embeddings that the encoder gave, the value is exact.
    expected = (one_direction(anchors, positives, 0.02) + one_direction(positives, anchors, 0.02)) / 2
    assert rough[0] == pytest.approx(expected, rel=1e-4)
    assert torch.nn.functional.cosine_similarity(rough[1], exact[1], dim=0) > 0.95


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf"), "0.05"])
@pytest.mark.parametrize("loss", [InfoNCELoss, CachedInfoNCELoss])
def test_refuses_what_is_no_temperature(model, loss, temperature):
    with pytest.raises(ConfigError, match="temperature is a number"):
        loss(model, temperature=temperature)


def test_config_for_the_card(model):
    assert InfoNCELoss(model, 0.02, True).get_config_dict() == {
        "temperature": pytest.approx(0.02),
        "symmetric": True,
        "gather_across_devices": False,
    }
    assert CachedInfoNCELoss(model, mini_batch_size=7).get_config_dict()["mini_batch_size"] == 7
