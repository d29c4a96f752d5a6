"""Self-training: the regression in an agent's head learns from utterances without labels, as the agent reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from intent_adapters.bottleneck import Calibration, scope_scores
from intent_adapters.data.texts import Texts, texts_of
from intent_adapters.data.validation import reduced
from intent_adapters.training.agent.scope import energies_of

MOST_CERTAIN = 0.7
WEIGHT = 0.5


@dataclass(frozen=True)
class UnlabelledResult:
    """What came of utterances without labels.

    Attributes:
        given: How many there were.
        new: How many of them are left without repetitions and training texts.
        accepted: How many of these the agent takes for its own, by its threshold.
        used: How many of these it was sure enough of.
        kept: Whether the agent learned from these: not if that made it worse, beyond chance, or if nothing could be
            held out to tell.
        accuracy_without: What the agent, or agents like it, got right of utterances that they were not trained on,
            between 0 and 1; None where that was not measured.
        accuracy_with: The same with what was used.
    """

    given: int
    new: int
    accepted: int = 0
    used: int = 0
    kept: bool = False
    accuracy_without: float | None = None
    accuracy_with: float | None = None


@dataclass(frozen=True)
class RegressionRows:
    """What a regression is fitted on.

    Attributes:
        embeddings: Of texts, shape (texts, dim).
        labels: The number of each text's intent, shape (texts,).
        weights: How much each text counts, shape (texts,). None: all the same.
    """

    embeddings: Tensor
    labels: Tensor
    weights: Tensor | None = None

    def with_answers(self, embeddings: Tensor, logits: Tensor) -> RegressionRows:
        """These and, of other texts, the most certain 70 % that an agent takes for each intent.

        Each of them, by its embedding (other texts, dim) and the agent's logits (other texts, intents), weighs half a
        training text, but those of an intent together no more than half of its training texts do: what the agent
        believes already is not to drown what it was told.
        """
        certainty, answers = logits.softmax(dim=-1).max(dim=-1)
        told = torch.bincount(self.labels, minlength=logits.shape[1]).tolist()
        chosen, weights = [], [torch.ones(len(self.labels))]
        for intent in answers.unique().tolist():
            rows = torch.nonzero(answers == intent)[:, 0]
            count = max(1, round(MOST_CERTAIN * len(rows)))
            chosen.append(rows[certainty[rows].argsort(descending=True, stable=True)[:count]])
            weights.append(torch.full((count,), WEIGHT * min(1.0, told[intent] / count)))
        numbers = torch.cat(chosen)
        return RegressionRows(
            torch.cat([self.embeddings, embeddings[numbers]]),
            torch.cat([self.labels, answers[numbers]]),
            torch.cat(weights),
        )


@dataclass(frozen=True)
class Unlabelled:
    """Texts without labels: those that are new, each once, and how many there were."""

    texts: list[str]
    given: int


def prepare_unlabelled(rows: Texts, known: Sequence[str]) -> Unlabelled:
    """The texts that are new, without those `known`; a DataError without any, or if one is empty or no string."""
    texts = texts_of(rows, "unlabelled")
    new = {reduced(text): text for text in reversed(texts)}
    for text in map(reduced, known):
        new.pop(text, None)
    return Unlabelled(list(reversed(new.values())), len(texts))


def accepted(logits: Tensor, calibration: Calibration, catch_all: Sequence[int]) -> Tensor:
    """Which texts a calibrated agent takes for its own, shape (texts,), by its logits (texts, intents)."""
    assert calibration.scope_location is not None and calibration.scope_spread is not None
    assert calibration.threshold is not None
    energies = energies_of(logits, calibration.temperature)
    inside = scope_scores(energies, calibration.scope_location, calibration.scope_spread) >= calibration.threshold
    return inside & ~torch.isin(logits.argmax(dim=-1), torch.tensor(catch_all, dtype=torch.long))
