from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from intent_adapters.bottleneck import NON_LINEARITIES, bottleneck_delta, cosine_logits, linear_logits

SCALAR = {
    "relu": lambda x: max(x, 0.0),
    "gelu": lambda x: x * 0.5 * (1 + math.erf(x / math.sqrt(2))),
    "gelu_tanh": lambda x: 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "silu": lambda x: x / (1 + math.exp(-x)),
    "tanh": math.tanh,
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "leaky_relu": lambda x: x if x > 0 else 0.01 * x,
}


def weights(dtype=torch.float64, width=6, size=3):
    generator = torch.Generator().manual_seed(0)
    shapes = [(size, width), (size,), (width, size), (width,)]
    return [torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) for shape in shapes]


@pytest.mark.parametrize("non_linearity", NON_LINEARITIES)
def test_delta_is_what_loops_over_numbers_give(non_linearity):
    down_weight, down_bias, up_weight, up_bias = weights()
    hidden = torch.randn(2, 3, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    delta = bottleneck_delta(hidden, down_weight, down_bias, up_weight, up_bias, non_linearity, 0.7)
    for row in range(2):
        for token in range(3):
            h = hidden[row, token].tolist()
            inner = [
                SCALAR[non_linearity](sum(w * x for w, x in zip(line, h, strict=True)) + b)
                for line, b in zip(down_weight.tolist(), down_bias.tolist(), strict=True)
            ]
            outer = [
                0.7 * (sum(w * x for w, x in zip(line, inner, strict=True)) + b)
                for line, b in zip(up_weight.tolist(), up_bias.tolist(), strict=True)
            ]
            assert delta[row, token].tolist() == pytest.approx(outer, rel=1e-12)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_delta_is_computed_in_the_type_of_the_weights_and_returned_in_that_of_the_input(dtype):
    hidden = torch.randn(5, 6, generator=torch.Generator().manual_seed(1)).to(dtype)
    delta = bottleneck_delta(hidden, *weights(torch.float32), "gelu", 1.0)
    reference = bottleneck_delta(hidden.double(), *weights(), "gelu", 1.0)
    assert delta.dtype == dtype
    assert torch.equal(delta, reference.to(dtype)) or torch.allclose(delta, reference.to(dtype), rtol=1e-2)


def test_delta_of_a_slice_of_rows_is_the_slice_of_the_delta():
    hidden = torch.randn(6, 4, 6, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    whole = bottleneck_delta(hidden, *weights(), "relu", 2.0)
    assert torch.allclose(bottleneck_delta(hidden[2:5], *weights(), "relu", 2.0), whole[2:5], rtol=1e-12)


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
