"""What `IntentModel.predict` returns, and what is found in an utterance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class PredictedEntity:
    """An entity that was found in an utterance.

    Attributes:
        start: The offset of its first character in the utterance as it was given.
        end: The offset behind its last character.
        text: What stands between them.
        entity: Which entity it is, such as `city`.
        value: What it stands for, such as `Seoul` for "SEL" or `2026-12-03` for "on Thursday".
        role: What it is in this utterance, such as `from`; None where nothing says so.
        score: Between 0 and 1; 1 where a rule found it. Where it was learned: how sure that is, the least over its
            words; of a word, the share of its tag among all tags, each taken with the best tags for the other words.
        source: What found it: "values", "pattern", the kind of a system entity, such as "date", or "tagger".
    """

    start: int
    end: int
    text: str
    entity: str
    value: str
    role: str | None
    score: float
    source: str

    def to_dict(self) -> dict[str, Any]:
        """The entity as JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The entity that `to_dict` wrote.

        Raises:
            LookupError: A value is missing.
        """
        return cls(**{entry.name: values[entry.name] for entry in fields(cls)})


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
        entities: What was found in the utterance, in its order; None for an agent that does not look for any.
    """

    agent: str
    label: str
    score: float
    top_k: tuple[tuple[str, float], ...]
    in_scope: bool
    scope_score: float
    threshold: float | None = field(default=None, compare=False)
    version: str = field(default="", compare=False)
    entities: tuple[PredictedEntity, ...] | None = None

    def to_dict(self) -> dict[str, Any]:
        """The prediction as JSON-ready values; with `entities` only if the agent looks for some."""
        found = {} if self.entities is None else {"entities": [entity.to_dict() for entity in self.entities]}
        return {
            "agent": self.agent,
            "label": self.label,
            "score": self.score,
            "top_k": [{"label": label, "score": score} for label, score in self.top_k],
            "in_scope": self.in_scope,
            "scope_score": self.scope_score,
            "threshold": self.threshold,
            "version": self.version,
            **found,
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
        entities = values.get("entities")
        return cls(
            top_k=top_k,
            entities=None if entities is None else tuple(map(PredictedEntity.from_dict, entities)),
            **{name: values[name] for name in names},
        )
