"""What is measured, and what a system must be able to do to be measured."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from itertools import cycle
from typing import Any, ClassVar

from examples.benchmark.workers.measuring import NotMeasurable, measure_loading, seconds_of


def need(module: str, install: str) -> Any:
    """An optional module, which `pip install` of the second argument brings.

    Raises:
        NotMeasurable: It is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise NotMeasurable(f"{module} is not installed: pip install '{install}' ({error})") from error


@dataclass(frozen=True)
class Case:
    """A call that is timed: `rows` utterances, row i for agent i modulo `agents`."""

    name: str
    rows: int
    agents: int


@dataclass(frozen=True)
class Disk:
    """Bytes of real saved folders: what there is once, and what each agent adds."""

    base_bytes: int
    agent_bytes: int


@dataclass(frozen=True)
class Plan:
    """What all processes of one run must know."""

    base: str  # folder of the small encoder
    work: str  # folder for the files of this run
    # utterances of exactly `tokens` tokens of the base's tokenizer, special ones included
    texts: list[str] = field(default_factory=list)
    large: str | None = None  # folder of the large encoder, if it is to be measured
    large_texts: list[str] = field(default_factory=list)  # the same for the large encoder's tokenizer
    # folders of our adapters to take in place of random ones, in turn
    adapters: list[str] = field(default_factory=list)
    pythons: dict[str, str] = field(default_factory=dict)  # interpreters of the environments of peers, by name
    tokens: int = 16  # tokens of an utterance
    agents: int = 64  # agents in memory while times are taken
    labels: int = 77  # intents of each random agent
    batch: int = 64  # utterances of a batch
    seed: int = 0  # of the random agents and of the order of the systems

    @property
    def cases(self) -> list[Case]:
        """One utterance; a batch to one agent, to eight and to all."""
        batches = (Case(f"batch-{agents}", self.batch, agents) for agents in sorted({1, 8, self.agents}))
        return [Case("one", 1, 1), *batches]


class MeasuredSystem(ABC):
    """Something whose calls are timed. Made in a fresh process; any method may raise `NotMeasurable`."""

    name: ClassVar[str]  # of the system in the results
    title: ClassVar[str]  # of the system in tables
    # name of the bare encoder that it is compared with; None if it is one itself
    reference: ClassVar[str | None] = None
    most_loads: ClassVar[int] = 0  # agents to load at most where loading is measured; 0 for what has none to load
    note: ClassVar[str | None] = None  # what a reader of its figures must know

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    def write_files(self) -> Disk | None:
        """Save the base and the agents below `plan.work`; None for what has no agents."""
        return None

    @abstractmethod
    def prepare(self) -> None:
        """Load everything that is timed."""

    def texts(self) -> list[str]:
        """Utterances of `plan.tokens` tokens."""
        return self.plan.texts

    def cases(self) -> list[Case]:
        """What can be timed."""
        return self.plan.cases

    @abstractmethod
    def seconds(self, case: Case, slice_seconds: float) -> list[float]:
        """Seconds of each of as many calls as fit into a slice of time, at least one."""

    def reference_seconds(self, case: Case, slice_seconds: float) -> list[float] | None:
        """The same of the bare encoder, for systems that run it in a process of their own."""
        return None

    def loading(self, most: int, budget_seconds: float) -> dict[str, Any]:
        """Load agents one by one, in a process of its own, and time each: see `measure_loading`."""
        raise NotMeasurable("it has no agents to load")

    def versions(self) -> dict[str, str]:
        """Packages that only this system has, for systems that run in an environment of their own."""
        return {}

    def close(self) -> None:  # noqa: B027 - most start nothing
        """End what was started."""


class LocalSystem(MeasuredSystem):
    """A system that runs in this process."""

    @abstractmethod
    def call(self, case: Case) -> Callable[[], object]:
        """The call that is timed."""

    def seconds(self, case: Case, slice_seconds: float) -> list[float]:
        return seconds_of(self.call(case), slice_seconds)


class AgentSystem(LocalSystem):
    """A way to tell intents for many agents: opened, then given its agents. Text in, prediction out."""

    most_loads = 1000

    @abstractmethod
    def open(self) -> None:
        """Load the base, without agents."""

    @abstractmethod
    def load(self, index: int) -> None:
        """Load agent `index`, or one more copy of a saved one if fewer were saved, and keep it."""

    def read(self, index: int) -> None:
        """Read all weights of a loaded agent, if its files may have been mapped into memory without being read."""

    @abstractmethod
    def predict(self, texts: list[str], agents: Sequence[int]) -> Sequence[object]:
        """The labels of utterances, each of its own agent."""

    def prepare(self) -> None:
        self.open()
        for index in range(self.plan.agents):
            self.load(index)

    def call(self, case: Case) -> Callable[[], object]:
        if case.rows == 1:
            texts = cycle(self.texts())
            return lambda: self.predict([next(texts)], [0])
        rows = self.texts()[: case.rows]
        agents = [row % case.agents for row in range(case.rows)]
        return lambda: self.predict(rows, agents)

    def loading(self, most: int, budget_seconds: float) -> dict[str, Any]:
        self.open()
        return measure_loading(self.load, self.read, min(most, self.most_loads), budget_seconds)
