"""What `IntentModel.predict` returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer of one agent to one utterance.

    With `predict(errors="reject")`, an empty text, or what is no string, has the label `""`, no `top_k`, scores of 0.

    Attributes:
        agent: The agent that was asked.
        label: The most probable intent, also where the utterance is out of scope.
        score: Its probability, between 0 and 1, if the utterance has one of the agent's intents. Where the agent was
            calibrated, of the answers with a score near 0.8 about 80 % are right.
        top_k: The most probable intents with their probabilities, most probable first.
        in_scope: Whether `scope_score` reaches the threshold of the call or of the agent; True where neither has one.
        scope_score: How much the utterance is at home with the agent, between 0 and 1: about that share of the
            agent's own utterances would score lower. It compares the energy of the logits with what is usual for this
            agent (see `intent_adapters.bottleneck.scope_scores`). Where the agent was not calibrated, it is `score`.
        threshold: What `scope_score` was compared with; `None`: with nothing.
        version: Which version of the agent answered: `Adapter.version`. Answers that say the same are equal, whatever
            their threshold and version.
    """

    agent: str
    label: str
    score: float
    top_k: tuple[tuple[str, float], ...]
    in_scope: bool
    scope_score: float
    threshold: float | None = field(default=None, compare=False)
    version: str = field(default="", compare=False)

    def to_dict(self) -> dict[str, Any]:
        """The prediction as JSON-ready values."""
        return {
            "agent": self.agent,
            "label": self.label,
            "score": self.score,
            "top_k": [{"label": label, "score": score} for label, score in self.top_k],
            "in_scope": self.in_scope,
            "scope_score": self.scope_score,
            "threshold": self.threshold,
            "version": self.version,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The prediction that `to_dict` wrote, or that the server sent.

        Args:
            values: As `to_dict` gives them; others are passed over.

        Returns:
            The prediction.

        Raises:
            LookupError: A value is missing.
        """
        top_k = tuple((entry["label"], entry["score"]) for entry in values["top_k"])
        names = ("agent", "label", "score", "in_scope", "scope_score", "threshold", "version")
        return cls(top_k=top_k, **{name: values[name] for name in names})
