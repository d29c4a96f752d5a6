"""What became of many agents that were trained."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any, Literal

REPORT_NAME = "report.json"
"""What the report is called that stands beside the adapter folders."""

Status = Literal["trained", "unchanged", "failed", "waiting"]


@dataclass(frozen=True)
class AgentReport:
    """What became of one agent.

    Attributes:
        agent: Its name.
        status: `"trained"`; `"unchanged"`: it was trained before, from the same data with the same settings on the
            same base; `"failed"`: its folder is as it was; `"waiting"`: the run ended before it was its turn.
        intents: How many intents it has, if it is known.
        texts: How many utterances it is trained on, if it is known.
        method: How it was trained; see `TrainingResult.method`.
        accuracy: Share of right answers to utterances that were not trained on, 0 to 1, where that was measured.
        accuracy_source: See `Provenance.accuracy_source`.
        seconds: What its training took.
        error: What is wrong, if it failed.
        warnings: What is to be said of its data.
    """

    agent: str
    status: Status
    intents: int | None = None
    texts: int | None = None
    method: str | None = None
    accuracy: float | None = None
    accuracy_source: str | None = None
    seconds: float | None = None
    error: str | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrainingReport:
    """What became of many agents.

    Attributes:
        base: Hub id or folder of their base.
        base_fingerprint: Its fingerprint.
        executor: Where they were trained.
        seconds: What it took, all in all.
        agents: Each agent, in the order in which they were given.
    """

    base: str
    base_fingerprint: str
    executor: str
    seconds: float
    agents: tuple[AgentReport, ...]

    @property
    def counts(self) -> dict[Status, int]:
        """How many agents there are of each status."""
        return dict(Counter(agent.status for agent in self.agents))

    @property
    def is_whole(self) -> bool:
        """Whether every agent is trained."""
        return self.counts.keys() <= {"trained", "unchanged"}

    def to_dict(self) -> dict[str, Any]:
        """The report as values that JSON can hold."""
        return {**asdict(self), "counts": self.counts}
