"""The arithmetic of calibration: temperatures, energies, thresholds."""

from __future__ import annotations

import math

import torch
from torch import Tensor

TEMPERATURES = (0.02, 50.0)
SMALLEST_SPREAD = 1e-3


def energies_of(logits: Tensor, temperature: float) -> Tensor:
    """`logsumexp(logits / temperature)` in float64 (Liu et al., 2020); (texts, intents) to (texts,)."""
    return (logits.double() / temperature).logsumexp(dim=-1)


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """The temperature, from 0.02 to 50, that makes labels (texts,) most likely by logits (texts, intents).

    So Guo et al. (2017); but as in Platt (1999) every label counts as right only with probability (n + 1) / (n + 2),
    so that a few utterances that are all classified right do not call for a temperature of 0.
    """
    logits = logits.double()
    doubt = 1 / (len(labels) + 2)
    target = (1 - doubt) * logits.gather(1, labels[:, None])[:, 0] + doubt * logits.mean(dim=-1)

    def slope(beta: float) -> float:
        # Of the mean cross-entropy at temperature 1 / beta, which is convex in beta.
        expected = (torch.softmax(beta * logits, dim=-1) * logits).sum(dim=-1)
        return float((expected - target).mean())

    low, high = -math.log(TEMPERATURES[1]), -math.log(TEMPERATURES[0])
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(math.exp(middle)) < 0 else (low, middle)
    return math.exp(-(low + high) / 2)


def fit_scope(energies: Tensor, rate: float) -> tuple[float, float]:
    """Location and spread of the logistic distribution that has the median and the quantile `rate` of these energies.

    They are of utterances in scope, (texts,); the rate is above 0 and below 0.5.
    """
    median, low = energies.quantile(torch.tensor([0.5, rate], dtype=energies.dtype)).tolist()
    return median, max((median - low) / math.log((1 - rate) / rate), SMALLEST_SPREAD)


def separating_threshold(in_scope: Tensor, out_of_scope: Tensor) -> float:
    """The threshold with the highest balanced accuracy, halfway between two scores; of several the lowest.

    The scores (texts,) in scope should not be below it, those out of scope should be.
    """
    scores = torch.cat([in_scope, out_of_scope]).sort().values
    cuts = torch.cat([scores[:1], (scores[1:] + scores[:-1]) / 2])
    kept = 1 - torch.searchsorted(in_scope.sort().values, cuts).double() / len(in_scope)
    rejected = torch.searchsorted(out_of_scope.sort().values, cuts).double() / len(out_of_scope)
    return float(cuts[(kept + rejected).argmax()])


def carry_over(values: Tensor, source: Tensor, target: Tensor) -> Tensor:
    """Values on the scale of a sample, `source`, moved to that of another by quantiles: the median becomes the median.

    All have one dimension. What lies outside `source` is moved like its nearest end.
    """
    levels = torch.linspace(0, 1, min(len(source), len(target)), dtype=values.dtype)
    here, there = source.quantile(levels), target.quantile(levels)
    inside = values.clamp(float(here[0]), float(here[-1]))
    upper = torch.searchsorted(here, inside).clamp(1, len(here) - 1)
    width = (here[upper] - here[upper - 1]).clamp_min(1e-12)
    share = ((inside - here[upper - 1]) / width).clamp(0, 1)
    return there[upper - 1] + share * (there[upper] - there[upper - 1]) + values - inside
