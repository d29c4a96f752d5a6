"""The mathematics that the PEFT layers, training and the serving runtime share, as pure functions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from intent_adapters.adapter_config.config import MINIMUM_SCALE

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


def normalized_linear_logits(embeddings: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """An affine classifier of directions: `linear_logits` of the embeddings scaled to length 1; the same shapes."""
    return F.linear(F.normalize(embeddings.to(weight.dtype), dim=-1), weight, bias)


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
