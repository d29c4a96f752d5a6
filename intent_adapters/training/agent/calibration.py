"""How sure an agent may be, and what it should not answer: learned from utterances that were not trained on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

from intent_adapters.bottleneck import Calibration, scope_scores
from intent_adapters.errors import ConfigError
from intent_adapters.training.agent.mixtures import mixtures
from intent_adapters.training.agent.prototypes import SOFTENING, class_means, cosines_without_itself, fitting_scale
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

# The share below a threshold is then known to about one point.
ENOUGH_HELD_OUT = 400
ENOUGH_VALIDATION = 100
MIXTURES = 500


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
class _HeldOut:
    """Logits of utterances by agents that did not see them.

    Attributes:
        logits: Shape (texts, intents).
        labels: Shape (texts,).
        mixed: Their agents' logits of mixtures, shape (mixtures, intents).
        folds: The numbers of the texts that were held out together.
    """

    logits: Tensor
    labels: Tensor
    mixed: Tensor
    folds: list[Tensor]


def check_rate(false_rejection_rate: float) -> None:
    """Raises ConfigError unless it is a number above 0 and below 0.5."""
    valid = isinstance(false_rejection_rate, (int, float)) and 0 < false_rejection_rate < 0.5
    if not valid:
        raise ConfigError(
            f"false_rejection_rate must be above 0 and below 0.5, but it is {false_rejection_rate!r}: it is the share "
            "of the agent's own utterances that may be rejected; to reject none, set calibrate=False"
        )


def calibrate_agent(
    task: Task,
    read: Reader,
    refit: Callable[[Task], Reader],
    *,
    seed: int,
    false_rejection_rate: float,
    out_of_scope: Sequence[str] | None = None,
) -> CalibrationResult | None:
    """Find an agent's temperature, the usual level of its energies, and its threshold.

    With 100 validation rows or more, from these. Else by cross-validation: agents like it are trained in short on
    parts of its utterances and judge the others. Their logits give the temperature as they are. Their energies are
    not on the level of the agent's own, for two reasons, and each is measured where that costs next to nothing:

    - They were trained for fewer epochs. Mixtures of two utterances of different intents are new to them and to the
      agent alike; the energies are carried over by the quantiles that they give to such mixtures.
    - They had fewer utterances, so that new ones are farther away. See `comparable_rate`.

    Where no intent has two utterances, nothing can be held out. If there are utterances out of scope all the same, the
    mixtures stand in for new utterances in scope. (Balanced accuracy with one utterance per intent and 5 or 25 out of
    scope, on three example agents: 76 %, against 57 % with the training utterances themselves in their place.)

    Args:
        task: The agent's.
        read: Computes the trained agent's logits.
        refit: Trains another like it, in short, on a part of the task.
        seed: Of folds and mixtures.
        false_rejection_rate: The share of utterances in scope that the threshold may reject.
        out_of_scope: Utterances that the agent should reject. With them, the threshold is the one with the highest
            balanced accuracy instead.

    Returns:
        None if there is no utterance to learn from.
    """
    rate = at = false_rejection_rate
    accuracy: float | None
    if task.validation is not None and len(task.validation[0]) >= ENOUGH_VALIDATION:
        source: Source = "validation"
        texts, labels = task.validation
        logits = read(texts)
        count, accuracy, temperature = len(labels), _share_right(logits, labels), fit_temperature(logits, labels)
        energies = energies_of(logits, temperature)
    elif held_out := _cross_validate(task, refit, seed):
        source = "cross-validation"
        logits, labels = held_out.logits, held_out.labels
        count, accuracy, temperature = len(labels), _share_right(logits, labels), fit_temperature(logits, labels)
        energies = carry_over(
            energies_of(logits, temperature),
            energies_of(held_out.mixed, temperature),
            energies_of(read(mixtures(task, MIXTURES, seed)), temperature),
        )
        at = comparable_rate(task, held_out.folds, rate)
    elif out_of_scope:
        source, count, accuracy, temperature = "mixtures", MIXTURES, None, 1.0
        energies = energies_of(read(mixtures(task, MIXTURES, seed)), temperature)
    else:
        return None
    location, spread = fit_scope(energies, rate, at)
    threshold = rate
    if out_of_scope:
        foreign = energies_of(read(out_of_scope), temperature)
        threshold = separating_threshold(*(scope_scores(some, location, spread) for some in (energies, foreign)))
    return CalibrationResult(source, count, accuracy, Calibration(temperature, location, spread, threshold))


def _share_right(logits: Tensor, labels: Tensor) -> float:
    return float((logits.argmax(dim=-1) == labels).double().mean())


def _cross_validate(task: Task, refit: Callable[[Task], Reader], seed: int) -> _HeldOut | None:
    folds = held_out_folds(task, seed)
    logits, mixed = [], []
    for held_out in folds:
        part = task.subset(_others(held_out, len(task.texts)))
        read = refit(part)
        logits.append(read([task.texts[number] for number in held_out.tolist()]))
        mixed.append(read(mixtures(part, MIXTURES // len(folds), seed)))
    if not folds:
        return None
    return _HeldOut(torch.cat(logits), task.labels[torch.cat(folds)], torch.cat(mixed), folds)


def held_out_folds(task: Task, seed: int) -> list[Tensor]:
    """Which texts to hold out together: both halves, or of more than 800 utterances one smaller part.

    Every intent's utterances are spread evenly. Its readable name is never held out, nor an utterance that is the
    only one of its intent.

    Args:
        task: The agent's.
        seed: Of the draw.

    Returns:
        Disjoint, ascending numbers of texts, 400 or more in all if there are; empty if no intent has two utterances.
    """
    labels = task.labels[: task.utterances]
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    order = order[labels[order].argsort(stable=True)]
    order = order[torch.bincount(labels)[labels[order]] > 1]
    if not len(order):
        return []
    folds = max(2, len(order) // ENOUGH_HELD_OUT)
    parts = [order[fold::folds].sort().values for fold in range(folds)]
    return parts[:1] if len(parts[0]) >= ENOUGH_HELD_OUT else parts


def comparable_rate(task: Task, folds: list[Tensor], rate: float) -> float:
    """Which share of the held-out utterances corresponds to a share of utterances that are new to the agent itself.

    The class means of the frozen encoder can leave out single utterances at no cost. It is the share of the held-out
    utterances, judged by the class means of the others, below the quantile of all utterances, each judged by the
    class means without itself.

    Args:
        task: The agent's.
        folds: The numbers of the texts that were held out together; they are not empty.
        rate: Share of new utterances.

    Returns:
        A rate between half of `rate` and twice as much.
    """
    intents = len(task.intents)
    temperature = SOFTENING / fitting_scale(task.embeddings, task.labels, intents)
    embeddings = F.normalize(task.embeddings, dim=-1)
    alone = []
    for rows, cosines, without_itself in cosines_without_itself(embeddings, task.labels, intents):
        cosines[torch.arange(len(rows)), task.labels[rows]] = without_itself
        alone.append(energies_of(cosines[rows < task.utterances], temperature))
    limit = torch.cat(alone).quantile(rate)
    below = []
    for held_out in folds:
        part = _others(held_out, len(task.texts))
        means = F.normalize(class_means(embeddings[part], task.labels[part], intents), dim=-1)
        below.append(energies_of(embeddings[held_out] @ means.T, temperature) < limit)
    return min(max(float(torch.cat(below).double().mean()), rate / 2), 2 * rate, 0.49)


def _others(numbers: Tensor, count: int) -> Tensor:
    """The numbers below `count` that are not among these, ascending."""
    rest = torch.ones(count, dtype=torch.bool)
    rest[numbers] = False
    return torch.nonzero(rest)[:, 0]
