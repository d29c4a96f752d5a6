"""What an agent, or agents like it, say to utterances that they were not trained on."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from intent_adapters.training.agent.mixtures import mixtures
from intent_adapters.training.agent.scope import fit_temperature
from intent_adapters.training.agent.task import Task

HeldOutSource = Literal["cross-validation", "validation"]
Reader: TypeAlias = Callable[[Sequence[str]], Tensor]
"""Computes the logits (texts, intents) of texts."""

# The share of right answers is then known to about four points, and one held-out part will do.
ENOUGH_HELD_OUT = 100
# More than that need not be held out at once.
LARGEST_PART = 400
ENOUGH_VALIDATION = 100
MIXTURES = 300


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Answers to utterances that the agent, or agents like it, were not trained on.

    Attributes:
        source: `"cross-validation"`: training utterances, held out from agents that were trained in short on the
            others, and err more often than the agent itself will. `"validation"`: the validation rows.
        texts: The utterances.
        labels: The intent of each.
        intents: The agent's intents.
        probabilities: (texts, intents) float32, each row sums to 1.
    """

    source: HeldOutSource
    texts: list[str]
    labels: list[str]
    intents: list[str]
    probabilities: NDArray[np.float32]


@dataclass(frozen=True)
class Unseen:
    """What agents say to utterances that they were not trained on.

    Attributes:
        source: Where the utterances are from.
        texts: The utterances.
        logits: Shape (texts, intents).
        labels: Shape (texts,).
        mixed: What the same agents say to mixtures of two utterances, shape (mixtures, intents).
    """

    source: HeldOutSource
    texts: list[str]
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

    def answers(self, task: Task) -> HeldOut:
        """The same in words and probabilities, at the temperature that fits these answers."""
        probabilities = (self.logits / fit_temperature(self.logits, self.labels)).softmax(dim=-1)
        labels = [task.intents[number] for number in self.labels.tolist()]
        return HeldOut(self.source, self.texts, labels, task.intents, probabilities.float().numpy())


def read_unseen(task: Task, read: Reader, refit: Callable[[Task], Reader], seed: int) -> Unseen | None:
    """What an agent says to utterances that it was not trained on; None if nothing can be held out.

    `read` computes the trained agent's logits, which are taken if there are 100 validation rows. If not, `refit`
    trains others like it, in short, on parts of the task; they are asked for the rest of the utterances.
    """
    if task.validation is not None and len(task.validation[0]) >= ENOUGH_VALIDATION:
        texts, labels = task.validation
        return Unseen("validation", texts, read(texts), labels)
    parts = held_out_parts(task, seed)
    if not parts:
        return None
    held_out: list[str] = []
    logits, mixed = [], []
    for part in parts:
        rest = task.subset(others_than(part, len(task.texts)))
        texts = [task.texts[row] for row in part.tolist()]
        held_out += texts
        together = refit(rest)(texts + mixtures(rest, MIXTURES // len(parts), seed))
        logits.append(together[: len(texts)])
        mixed.append(together[len(texts) :])
    return Unseen("cross-validation", held_out, torch.cat(logits), task.labels[torch.cat(parts)], torch.cat(mixed))


def is_better(one: Unseen, other: Unseen) -> bool:
    """Whether the answers of one agent are better than those of another to the same utterances, beyond chance.

    Of the utterances that only one of them answers right, it must have more by one standard error (McNemar, 1947).
    """
    won = int((one.right & ~other.right).sum())
    lost = int((other.right & ~one.right).sum())
    return won - lost > math.sqrt(won + lost)


def held_out_parts(task: Task, seed: int) -> list[Tensor]:
    """Which texts to hold out together: both halves; of 200 utterances or more one half, of 1,200 or more less."""
    labels = task.labels[: task.utterances]
    repeated = int((torch.bincount(labels)[labels] > 1).sum())
    parts = spread_parts(task, max(2, repeated // LARGEST_PART), seed)
    return parts[:1] if parts and len(parts[0]) >= ENOUGH_HELD_OUT else parts


def spread_parts(task: Task, count: int, seed: int) -> list[Tensor]:
    """The utterances in `count` parts, at least two, over which every intent's are spread evenly: ascending numbers.

    In no part is the readable name of an intent, nor an utterance that is the only one of its intent: so there are
    fewer parts, or none, where there are few others.
    """
    labels = task.labels[: task.utterances]
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    order = order[labels[order].argsort(stable=True)]
    order = order[torch.bincount(labels)[labels[order]] > 1]
    return [order[first::count].sort().values for first in range(min(count, len(order)))]


def others_than(numbers: Tensor, count: int) -> Tensor:
    """The numbers below `count` that are not among these, ascending."""
    rest = torch.ones(count, dtype=torch.bool)
    rest[numbers] = False
    return torch.nonzero(rest)[:, 0]
