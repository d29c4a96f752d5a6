"""What an agent says to many utterances, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from intent_adapters.model import IntentModel
from intent_adapters.prediction import PredictedEntity

# Predictions with all their probabilities are large objects: this many numbers at a time become rows of an array.
PROBABILITIES_AT_A_TIME = 2**18


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """One agent's answers to some utterances.

    Attributes:
        texts: The utterances.
        intents: The agent's intents, in the order of its head.
        probabilities: (texts, intents) float32, each row sums to 1.
        predicted: (texts,) number of the most probable intent.
        scores: (texts,) `Prediction.scope_score`, what the threshold is applied to; higher is more in scope.
        accepted: (texts,) whether the agent took each as in scope.
        entities: What it found in each text; None for an agent that does not look for any.
    """

    texts: tuple[str, ...]
    intents: tuple[str, ...]
    probabilities: NDArray[np.float32]
    predicted: NDArray[np.int64]
    scores: NDArray[np.float64]
    accepted: NDArray[np.bool_]
    entities: tuple[tuple[PredictedEntity, ...], ...] | None = None

    @property
    def labels(self) -> list[str]:
        """The most probable intent of each text."""
        return [self.intents[index] for index in self.predicted]

    @property
    def confidence(self) -> NDArray[np.float32]:
        """(texts,) the probability of the most probable intent, between 0 and 1."""
        top: NDArray[np.float32] = self.probabilities[np.arange(len(self.texts)), self.predicted]
        return top


def ask(
    model: IntentModel, texts: Sequence[str], agent: str, *, threshold: float | None = None, batch_size: int = 64
) -> Answers:
    """Let an agent answer utterances, and keep the probability of every intent.

    Args:
        model: The model.
        texts: The utterances.
        agent: The agent's name.
        threshold: As in `IntentModel.predict`; `None` takes the agent's own.
        batch_size: Texts in one pass of the encoder, at most.

    Returns:
        The answers, in the order of the texts.

    Raises:
        AgentError: The agent is not in memory.
        TextError: A text is empty.
        ConfigError: The threshold is out of range.
    """
    intents = tuple(model.labels(agent))
    column = {intent: index for index, intent in enumerate(intents)}
    probabilities = np.zeros((len(texts), len(intents)), dtype=np.float32)
    answers: list[tuple[int, float, bool]] = []
    entities: list[tuple[PredictedEntity, ...]] = []
    step = max(batch_size, PROBABILITIES_AT_A_TIME // len(intents))
    for start in range(0, len(texts), step):
        part = list(texts[start : start + step])
        predictions = model.predict(part, agent, top_k=len(intents), threshold=threshold, batch_size=batch_size)
        for row, prediction in enumerate(predictions, start=start):
            columns = [column[label] for label, _ in prediction.top_k]
            probabilities[row, columns] = [probability for _, probability in prediction.top_k]
            answers.append((column[prediction.label], prediction.scope_score, prediction.in_scope))
            if prediction.entities is not None:
                entities.append(prediction.entities)
    return Answers(
        texts=tuple(texts),
        intents=intents,
        probabilities=probabilities,
        predicted=np.array([predicted for predicted, _, _ in answers], dtype=np.int64),
        scores=np.array([score for _, score, _ in answers], dtype=np.float64),
        accepted=np.array([accepted for _, _, accepted in answers], dtype=np.bool_),
        entities=tuple(entities) if entities else None,
    )
