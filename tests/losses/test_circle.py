"""Circle loss against slow loops in float64, against pytorch-metric-learning, and on degenerate batches."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from intent_adapters.errors import ConfigError, DataError, IntentAdaptersError
from intent_adapters.losses import CircleLoss, circle_loss
from tests.support.tiny import tiny_base


def cosine(a, b):
    return float(a @ b) / math.sqrt(float(a @ a) * float(b @ b))


def reference(embeddings, labels, margin, gamma, weights_at=None):
    """The paper's equation, pair by pair; a_p and a_n are taken from `weights_at`, so that they can be held still."""
    weights_at = embeddings if weights_at is None else weights_at
    losses = []
    for i, anchor in enumerate(embeddings):
        positives, negatives = [], []
        for j, other in enumerate(embeddings):
            if i == j:
                continue
            s, fixed = cosine(anchor, other), cosine(weights_at[i], weights_at[j])
            if labels[i] == labels[j]:
                a_p = max(0.0, 1 + margin - fixed)
                positives.append(math.exp(-gamma * a_p * (s - (1 - margin))))
            else:
                a_n = max(0.0, fixed + margin)
                negatives.append(math.exp(gamma * a_n * (s - margin)))
        if positives and negatives:
            losses.append(math.log(1 + sum(negatives) * sum(positives)))
    return sum(losses) / len(losses) if losses else 0.0


def batch(labels, dim=5, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(len(labels), dim, generator=generator, dtype=dtype).requires_grad_(), torch.tensor(labels)


@given(
    labels=st.lists(st.integers(0, 3), min_size=1, max_size=9),
    margin=st.floats(0, 0.9),
    gamma=st.floats(0.5, 64),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_value_equals_the_loop(labels, margin, gamma, seed):
    embeddings, targets = batch(labels, seed=seed)
    loss = circle_loss(embeddings, targets, margin, gamma)
    assert loss.item() == pytest.approx(reference(embeddings.detach().numpy(), labels, margin, gamma), rel=1e-7)


@pytest.mark.parametrize("labels", [[0, 0, 1, 1, 1], [0, 0, 1, 2, 3], [5, 5, 5, 7]])
def test_gradient_holds_the_pair_weights_constant(labels):
    margin, gamma, step = 0.25, 8.0, 1e-6
    embeddings, targets = batch(labels, dim=3, seed=1)
    circle_loss(embeddings, targets, margin, gamma).backward()
    base = embeddings.detach().numpy()
    expected = np.zeros_like(base)
    for index in np.ndindex(*base.shape):
        shift = np.zeros_like(base)
        shift[index] = step
        up, down = (reference(base + sign * shift, labels, margin, gamma, weights_at=base) for sign in (1, -1))
        expected[index] = (up - down) / (2 * step)
    np.testing.assert_allclose(embeddings.grad.numpy(), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("margin", "gamma"), [(0.25, 32), (0.4, 80), (0.25, 256)])
@pytest.mark.parametrize("labels", [[0, 0, 1, 1, 2, 2, 2], [0, 0, 1, 2, 3]], ids=["all contribute", "some do not"])
def test_agrees_with_pytorch_metric_learning(margin, gamma, labels):
    peer = pytest.importorskip("pytorch_metric_learning.losses").CircleLoss(m=margin, gamma=gamma)
    ours, targets = batch(labels)
    theirs = ours.detach().clone().requires_grad_()
    loss, other = circle_loss(ours, targets, margin, gamma), peer(theirs, targets)
    loss.backward()
    other.backward()
    torch.testing.assert_close(loss, other)
    torch.testing.assert_close(ours.grad, theirs.grad)


@pytest.mark.parametrize("labels", [[0], [0, 0, 0], [0, 1, 2]], ids=["one row", "no negative", "no positive"])
def test_a_batch_without_pairs_is_zero_with_a_graph(labels):
    embeddings, targets = batch(labels)
    loss = circle_loss(embeddings, targets, 0.25, 32)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(embeddings.grad, torch.zeros_like(embeddings))


def test_a_row_without_a_positive_is_still_a_negative():
    embeddings, targets = batch([0, 0, 1])
    circle_loss(embeddings, targets, 0.25, 4).backward()
    assert embeddings.grad[2].abs().sum() > 0


@pytest.mark.parametrize(("dtype", "gamma"), [(torch.float16, 1e3), (torch.bfloat16, 1e6), (torch.float32, 1e6)])
def test_huge_gamma_stays_finite(dtype, gamma):
    embeddings, targets = batch([0, 0, 1, 1, 2, 2], dtype=dtype)
    loss = circle_loss(embeddings, targets, 0.25, gamma)
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(embeddings.grad).all()
    assert loss.item() > gamma / 100


@pytest.mark.parametrize("rows", ["identical", "opposite", "zero"])
def test_degenerate_embeddings_give_finite_gradients(rows):
    embeddings = torch.ones(4, 3)
    if rows == "opposite":
        embeddings[2:] *= -1
    if rows == "zero":
        embeddings[0] = 0
    embeddings.requires_grad_()
    loss = circle_loss(embeddings, torch.tensor([0, 0, 1, 1]), 0.25, 32)
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(embeddings.grad).all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_does_not_lower_the_precision(dtype):
    embeddings, targets = batch([0, 0, 1, 1, 2, 2], dim=64, dtype=torch.float32)
    exact = circle_loss(embeddings, targets, 0.25, 256)
    with torch.autocast("cpu", dtype=dtype):
        mixed = circle_loss(embeddings, targets, 0.25, 256)
    assert mixed.dtype == torch.float32
    assert mixed.item() == exact.item()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_embeddings_are_compared_in_float32(dtype):
    embeddings, targets = batch([0, 0, 1, 1], dtype=dtype)
    loss = circle_loss(embeddings, targets, 0.25, 32)
    assert loss.dtype == torch.float32
    assert loss.item() == circle_loss(embeddings.float(), targets, 0.25, 32).item()


def test_length_and_order_of_the_rows_do_not_matter():
    embeddings, targets = batch([0, 0, 1, 1, 2])
    loss = circle_loss(embeddings, targets, 0.25, 32)
    order = torch.tensor([3, 0, 4, 2, 1])
    scale = torch.tensor([[0.01], [3.0], [1.0], [500.0], [2.0]], dtype=torch.float64)
    torch.testing.assert_close(circle_loss((embeddings * scale)[order], targets[order], 0.25, 32), loss)


def test_no_tensor_is_larger_than_the_similarity_matrix():
    class Largest(torch.utils._python_dispatch.TorchDispatchMode):
        elements = 0

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            out = func(*args, **(kwargs or {}))
            for tensor in out if isinstance(out, tuple | list) else [out]:
                if isinstance(tensor, torch.Tensor):
                    self.elements = max(self.elements, tensor.numel())
            return out

    rows = 48
    embeddings, targets = batch([row // 2 for row in range(rows)], dim=8)
    with Largest() as largest:
        circle_loss(embeddings, targets, 0.25, 32).backward()
    assert largest.elements == rows * rows


def test_module_encodes_and_reports_itself(tmp_path):
    model = tiny_base(tmp_path)
    loss = CircleLoss(model, margin=0.4, gamma=80)
    features = model.preprocess(["cancel it", "cancel now", "how much", "what price"])
    labels = torch.tensor([0, 0, 1, 1])
    embeddings = model(dict(features))["sentence_embedding"]
    expected = circle_loss(embeddings, labels, 0.4, 80)
    assert loss([dict(features)], labels).item() == pytest.approx(expected.item())
    assert loss.compute_loss_from_embeddings([embeddings], labels.unsqueeze(1)).item() == expected.item()
    assert loss.get_config_dict() == {"margin": 0.4, "gamma": 80.0}
    assert "sun2020circle" in loss.citation
    assert loss.model is model


@pytest.mark.parametrize(
    "settings",
    [{"margin": -0.1}, {"margin": 1}, {"margin": math.nan}, {"gamma": 0}, {"gamma": math.inf}, {"gamma": "32"}],
)
def test_settings_out_of_range_are_refused(settings):
    (name, value), *_ = settings.items()
    with pytest.raises(ConfigError, match=rf"{name} is a number in .*{value!r}"):
        CircleLoss(torch.nn.Identity(), **settings)


@pytest.mark.parametrize(
    ("embeddings", "labels", "message"),
    [
        ([torch.ones(2, 3)], None, "add a column 'label'"),
        ([torch.ones(2, 3)], torch.tensor([0.0, 1.0]), "needs integer labels"),
        ([torch.ones(2, 3)], torch.tensor([0, 1, 1]), "one label per text"),
        ([torch.ones(2, 3)] * 2, torch.tensor([0, 1]), "got 2 text columns"),
        ([], torch.tensor([0, 1]), "got 0 text columns"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(embeddings, labels, message):
    with pytest.raises(DataError, match=message) as error:
        CircleLoss(torch.nn.Identity()).compute_loss_from_embeddings(embeddings, labels)
    assert isinstance(error.value, IntentAdaptersError)
