"""How sure an agent may be, and what it should not answer: learned from utterances that were not trained on."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from intent_adapters.bottleneck import Calibration, scope_scores
from intent_adapters.errors import ConfigError
from intent_adapters.training.agent.mixtures import mixtures
from intent_adapters.training.agent.regression import logistic_regression
from intent_adapters.training.agent.scope import (
    carry_over,
    energies_of,
    fit_scope,
    fit_temperature,
    separating_threshold,
)
from intent_adapters.training.agent.task import Task

Source = Literal["cross-validation", "validation", "mixtures"]
Reader: TypeAlias = Callable[[Sequence[str]], Tensor]
"""Computes the logits (texts, intents) of texts."""

# The share of right answers is then known to about four points, and one held-out part will do.
ENOUGH_HELD_OUT = 100
# More than that need not be held out at once.
LARGEST_PART = 400
ENOUGH_VALIDATION = 100
MIXTURES = 300
FOLDS = 10
# Regressions on so many texts times intents, all folds together, take seconds.
REGRESSED = 1_500_000


@dataclass(frozen=True)
class CalibrationResult:
    """What was learned from utterances that the agent, or agents like it, had not seen.

    Attributes:
        source: `"cross-validation"`: training utterances, held out from agents that were trained in short on the
            others. `"validation"`: the validation rows. `"mixtures"`: mixtures of two utterances, where there is
            nothing better; they only stand in for utterances that are new to the agent when its threshold is found.
        texts: How many utterances, or mixtures.
        accuracy: The share of them that was classified right; None for mixtures, which belong to no intent. From
            cross-validation it is less than what the agent itself will reach, since those agents had fewer utterances.
        settings: Temperature, scope and threshold, as they go into the adapter's config.
    """

    source: Source
    texts: int
    accuracy: float | None
    settings: Calibration


@dataclass(frozen=True)
class Unseen:
    """What agents say to utterances that they were not trained on.

    Attributes:
        source: Where the utterances are from.
        logits: Shape (texts, intents).
        labels: Shape (texts,).
        mixed: What the same agents say to mixtures of two utterances, shape (mixtures, intents).
    """

    source: Literal["cross-validation", "validation"]
    logits: Tensor
    labels: Tensor
    mixed: Tensor | None = None

    @property
    def right(self) -> Tensor:
        """Whether each answer is right, shape (texts,)."""
        return self.logits.argmax(dim=-1) == self.labels

    @property
    def accuracy(self) -> float:
        """The share of right answers."""
        return float(self.right.double().mean())


def check_rate(false_rejection_rate: float) -> None:
    """Raises ConfigError unless it is a number above 0 and below 0.5."""
    valid = isinstance(false_rejection_rate, (int, float)) and 0 < false_rejection_rate < 0.5
    if not valid:
        raise ConfigError(
            f"false_rejection_rate must be above 0 and below 0.5, but it is {false_rejection_rate!r}: it is the share "
            "of the agent's own utterances that may be rejected; to reject none, set calibrate=False"
        )


def read_unseen(task: Task, read: Reader, refit: Callable[[Task], Reader], seed: int) -> Unseen | None:
    """What an agent says to utterances that it was not trained on.

    Args:
        task: The agent's.
        read: Computes the trained agent's logits, which are taken if there are 100 validation rows.
        refit: Trains another like it, in short, on a part of the task; it is asked for the rest of the utterances.
        seed: Of the parts.

    Returns:
        None if there are hardly validation rows and no intent has two utterances.
    """
    if task.validation is not None and len(task.validation[0]) >= ENOUGH_VALIDATION:
        texts, labels = task.validation
        return Unseen("validation", read(texts), labels)
    parts = held_out_parts(task, seed)
    if not parts:
        return None
    logits, mixed = [], []
    for part in parts:
        rest = task.subset(_others(part, len(task.texts)))
        texts = [task.texts[row] for row in part.tolist()]
        together = refit(rest)(texts + mixtures(rest, MIXTURES // len(parts), seed))
        logits.append(together[: len(texts)])
        mixed.append(together[len(texts) :])
    return Unseen("cross-validation", torch.cat(logits), task.labels[torch.cat(parts)], torch.cat(mixed))


def is_better(one: Unseen, other: Unseen) -> bool:
    """Whether the answers of one agent are better than those of another to the same utterances, beyond chance.

    Of the utterances that only one of them answers right, it must have more by one standard error (McNemar, 1947).
    """
    won = int((one.right & ~other.right).sum())
    lost = int((other.right & ~one.right).sum())
    return won - lost > math.sqrt(won + lost)


def calibrate_agent(
    task: Task,
    read: Reader,
    unseen: Unseen | None,
    embed: Callable[[Sequence[str]], Tensor],
    *,
    seed: int,
    false_rejection_rate: float,
    out_of_scope: Sequence[str] | None = None,
) -> CalibrationResult | None:
    """Find an agent's temperature, the usual level of its energies, and its threshold.

    The temperature is the one that fits what the agent, or agents like it, said to utterances they had not seen; the
    latter have smaller logits, which mixtures of two utterances show, that are new to the agent and to them alike. The
    energies of these would not do, but with validation rows: agents with half of the utterances find new ones farther
    away. Those of a regression on the frozen base, which is fitted in no time, are held out a tenth at a time. They
    are carried over to the agent's level by the quantiles of both on the same mixtures.

    Where no intent has two utterances, nothing can be held out. If there are utterances out of scope all the same, the
    mixtures stand in for new utterances in scope. (Balanced accuracy with one utterance per intent and 5 or 25 out of
    scope, on three example agents: 76 %, against 57 % with the training utterances themselves in their place.)

    Args:
        task: The agent's.
        read: Computes the trained agent's logits.
        unseen: See `read_unseen`.
        embed: Computes the frozen base's embeddings (texts, dim).
        seed: Of folds and mixtures.
        false_rejection_rate: The share of utterances in scope that the threshold may reject.
        out_of_scope: Utterances that the agent should reject. With them, the threshold is the one with the highest
            balanced accuracy instead.

    Returns:
        None if there is no utterance to learn from.
    """
    if unseen is None and not out_of_scope:
        return None
    temperature = fit_temperature(unseen.logits, unseen.labels) if unseen else 1.0
    if unseen and unseen.source == "validation":
        energies = energies_of(unseen.logits[_in_scope(task, unseen.labels)], temperature)
    else:
        mixed = mixtures(task, MIXTURES, seed)
        of_mixed = read(mixed)
        if unseen and unseen.mixed is not None:
            temperature *= float(_lead(of_mixed) / _lead(unseen.mixed).clamp_min(1e-6))
        energies = energies_of(of_mixed, temperature)
        if unseen:
            energies = carry_over(*_regressed_energies(task, embed(mixed), seed), energies)
    location, spread = fit_scope(energies, false_rejection_rate)
    threshold = false_rejection_rate
    if out_of_scope:
        foreign = energies_of(read(out_of_scope), temperature)
        threshold = separating_threshold(*(scope_scores(some, location, spread) for some in (energies, foreign)))
    settings = Calibration(temperature, location, spread, threshold)
    if unseen:
        return CalibrationResult(unseen.source, len(unseen.labels), unseen.accuracy, settings)
    return CalibrationResult("mixtures", MIXTURES, None, settings)


def _regressed_energies(task: Task, mixed: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Energies of a regression on the frozen base: of the utterances, each held out; and of the mixtures."""
    count = min(max(REGRESSED // (len(task.texts) * len(task.intents)), 2), FOLDS)
    logits, labels = [], []
    for part in spread_parts(task, count, seed):
        rest = _others(part, len(task.texts))
        weight, bias = logistic_regression(task.embeddings[rest], task.labels[rest], task.background_embeddings)
        logits.append(task.embeddings[part] @ weight.T + bias)
        labels.append(task.labels[part])
    of_utterances, own = torch.cat(logits), torch.cat(labels)
    temperature = fit_temperature(of_utterances, own)
    weight, bias = logistic_regression(task.embeddings, task.labels, task.background_embeddings)
    held_out = energies_of(of_utterances[_in_scope(task, own)], temperature)
    return held_out, energies_of(mixed @ weight.T + bias, temperature)


def _lead(logits: Tensor) -> Tensor:
    """By how much the highest logit is above the mean, on average: the scale of an agent's logits."""
    return (logits.max(dim=-1).values - logits.mean(dim=-1)).mean()


def _in_scope(task: Task, labels: Tensor) -> Tensor:
    """Which labels are no catch-all; all, if nothing else is there."""
    inside = ~torch.isin(labels, labels.new_tensor(task.catch_all))
    return inside if bool(inside.any()) else torch.ones_like(inside)


def held_out_parts(task: Task, seed: int) -> list[Tensor]:
    """Which texts to hold out together: both halves; of 200 utterances or more one half, of 1,200 or more less."""
    labels = task.labels[: task.utterances]
    repeated = int((torch.bincount(labels)[labels] > 1).sum())
    parts = spread_parts(task, max(2, repeated // LARGEST_PART), seed)
    return parts[:1] if parts and len(parts[0]) >= ENOUGH_HELD_OUT else parts


def spread_parts(task: Task, count: int, seed: int) -> list[Tensor]:
    """The utterances in parts, over which every intent's are spread evenly.

    The readable name of an intent is in no part, nor an utterance that is the only one of its intent.

    Args:
        task: The agent's.
        count: How many parts, at least two; fewer come back where there are fewer utterances.
        seed: Of the draw.

    Returns:
        Disjoint, ascending numbers of texts; empty if no intent has two utterances.
    """
    labels = task.labels[: task.utterances]
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    order = order[labels[order].argsort(stable=True)]
    order = order[torch.bincount(labels)[labels[order]] > 1]
    return [order[first::count].sort().values for first in range(min(count, len(order)))]


def _others(numbers: Tensor, count: int) -> Tensor:
    """The numbers below `count` that are not among these, ascending."""
    rest = torch.ones(count, dtype=torch.bool)
    rest[numbers] = False
    return torch.nonzero(rest)[:, 0]
