"""The mathematics of the method as pure functions, shared by the PEFT layers and by the serving runtime."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

NON_LINEARITIES: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "gelu": F.gelu,
    "gelu_tanh": partial(F.gelu, approximate="tanh"),
    "silu": F.silu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "leaky_relu": F.leaky_relu,
}
"""The non-linearities a bottleneck may have, by the name that `BottleneckConfig.non_linearity` takes."""

MINIMUM_SCALE = 1e-2
"""A cosine head's learnable scale never acts below this: a scale of zero or less would turn the ranking over."""


def bottleneck_delta(
    hidden: Tensor,
    down_weight: Tensor,
    down_bias: Tensor,
    up_weight: Tensor,
    up_bias: Tensor,
    non_linearity: str,
    scaling: float,
) -> Tensor:
    """What a bottleneck adds: `scaling * (up(act(down(hidden))))`, without residual (Houlsby et al., 2019, fig. 2).

    A sequential site adds it to `hidden` itself; a parallel site (He et al., 2022, table 1) to the output of the
    sub-layer that read `hidden`. It is computed in the type of the weights and returned in the type of `hidden`.

    Args:
        hidden: Hidden states, shape (..., width).
        down_weight: Shape (size, width).
        down_bias: Shape (size,).
        up_weight: Shape (width, size).
        up_bias: Shape (width,).
        non_linearity: A key of `NON_LINEARITIES`.
        scaling: Factor on the result.

    Returns:
        Shape (..., width), the type of `hidden`.
    """
    inner = NON_LINEARITIES[non_linearity](F.linear(hidden.to(down_weight.dtype), down_weight, down_bias))
    return (F.linear(inner, up_weight, up_bias) * scaling).to(hidden.dtype)


def cosine_logits(embeddings: Tensor, weight: Tensor, scale: Tensor) -> Tensor:
    """Scaled cosine of each embedding with each class vector: `max(scale, 0.01) * cos(e, w)`.

    Args:
        embeddings: Sentence embeddings, shape (batch, dim); they need not be normalised.
        weight: One vector per class, shape (classes, dim); they need not be normalised.
        scale: One element.

    Returns:
        Logits, shape (batch, classes), in the type of `weight`.
    """
    directions = F.normalize(embeddings.to(weight.dtype), dim=-1)
    return F.linear(directions, F.normalize(weight, dim=-1)) * scale.clamp_min(MINIMUM_SCALE)


def linear_logits(embeddings: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """An affine classifier.

    Args:
        embeddings: Sentence embeddings, shape (batch, dim).
        weight: Shape (classes, dim).
        bias: Shape (classes,).

    Returns:
        Logits, shape (batch, classes), in the type of `weight`.
    """
    return F.linear(embeddings.to(weight.dtype), weight, bias)


def scope_scores(energies: Tensor, location: float, spread: float) -> Tensor:
    """How much at home utterances are with an agent: `sigmoid((energy - location) / spread)`.

    The energy of an utterance (Liu et al., 2020, with the sign turned so that more is more in scope) is the
    `logsumexp` of its logits after division by the temperature; the logits of an utterance that is far from every
    intent are all small. `location` and `spread` are those of a logistic distribution laid through the energies of
    the agent's own utterances, so that the score is the share of them that have a lower energy: a p-value. A score of
    0.05 is one that 5 % of the agent's own utterances stay below.

    Args:
        energies: Any shape.
        location: Median energy of utterances that are in scope.
        spread: Above 0.

    Returns:
        Between 0 and 1, the shape of `energies`.
    """
    return torch.sigmoid((energies - location) / spread)
