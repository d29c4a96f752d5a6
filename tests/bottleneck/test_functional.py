from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from intent_adapters.bottleneck import cosine_logits, linear_logits


@given(st.integers(1, 5), st.integers(1, 7), st.integers(1, 6), st.floats(0.1, 100))
def test_cosine_logits_are_scaled_cosines(rows, classes, dim, scale):
    random = np.random.default_rng(rows * 100 + classes * 10 + dim)
    embeddings, weight = random.normal(size=(rows, dim)), random.normal(size=(classes, dim))
    got = cosine_logits(torch.tensor(embeddings), torch.tensor(weight), torch.tensor([scale], dtype=torch.float64))
    norms = np.linalg.norm(embeddings, axis=1)[:, None] * np.linalg.norm(weight, axis=1)[None]
    np.testing.assert_allclose(got.numpy(), scale * (embeddings @ weight.T) / norms, rtol=1e-9)


@pytest.mark.parametrize("scale", [0.0, -5.0])
def test_a_scale_that_training_drove_below_zero_does_not_turn_the_ranking_over(scale):
    logits = cosine_logits(torch.tensor([[1.0, 0.2]]), torch.eye(2), torch.tensor([scale]))
    assert logits[0, 0] > logits[0, 1] > 0


def test_cosine_of_a_zero_embedding_is_zero_not_nan():
    assert cosine_logits(torch.zeros(1, 3), torch.eye(3), torch.ones(1)).tolist() == [[0.0, 0.0, 0.0]]


def test_linear_logits_are_affine():
    weight, bias = torch.tensor([[1.0, 2.0], [0.0, -1.0]]), torch.tensor([0.5, 1.0])
    assert linear_logits(torch.tensor([[3.0, 4.0]]), weight, bias).tolist() == [[11.5, -3.0]]
    assert linear_logits(torch.ones(1, 2, dtype=torch.bfloat16), weight, bias).dtype == torch.float32
