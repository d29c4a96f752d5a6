"""What `IntentModel.predict` returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer of one agent to one utterance.

    Attributes:
        agent: The agent that was asked.
        label: The most probable intent.
        score: Its probability, between 0 and 1.
        top_k: The most probable intents with their probabilities, most probable first.
        in_scope: Whether `score` reaches the threshold of the call or of the agent; True where neither has one.
    """

    agent: str
    label: str
    score: float
    top_k: tuple[tuple[str, float], ...]
    in_scope: bool

    def to_dict(self) -> dict[str, Any]:
        """The prediction as JSON-ready values."""
        return {
            "agent": self.agent,
            "label": self.label,
            "score": self.score,
            "top_k": [{"label": label, "score": score} for label, score in self.top_k],
            "in_scope": self.in_scope,
        }
