"""Ways to train one agent, side by side on the same data: what the adapter brings over the free alternatives."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset

from intent_adapters.choices import Method
from intent_adapters.errors import ConfigError
from intent_adapters.evaluation.agent import check_known_labels, evaluate
from intent_adapters.evaluation.repetition import Repeated
from intent_adapters.evaluation.sampling import share_interval
from intent_adapters.model import IntentModel
from intent_adapters.training import train_agent
from intent_adapters.training.agent.methods import FITTERS

AGENT = "compared"


@dataclass(frozen=True, slots=True)
class System:
    """One way to train an agent.

    Attributes:
        title: What it is called in a table. All get the same texts: the readable names of the intents too, where these
            are telling.
        method: What is trained.
        circle_weight: Weight of the Circle loss; `None` leaves it to the recipe.
    """

    title: str
    method: Method
    circle_weight: float | None = None


SYSTEMS: Mapping[str, System] = {
    "probe": System("logistic regression on the frozen encoder, with the names", "probe"),
    "adapter-ce": System("adapter, cross-entropy", "adapter", circle_weight=0.0),
    "adapter": System("adapter, cross-entropy + Circle loss", "adapter"),
    "full": System("fine-tuned, cross-entropy + Circle loss", "full"),
}


@dataclass(frozen=True, slots=True)
class ComparedSystem:
    """What one system reached.

    Attributes:
        name: Its key in `SYSTEMS`.
        title: Its name in words.
        accuracies: Share of the test rows that were right, one per seed.
        seconds: Training time, one per seed.
        agent_bytes: What one agent takes on disk: the adapter, and for full fine-tuning the whole encoder too.
        kept: What `train_agent` kept, one per seed: of adapters the probe, where they were no better.
        rows: How many test rows there were.
    """

    name: str
    title: str
    accuracies: tuple[float, ...]
    seconds: tuple[float, ...]
    agent_bytes: int
    kept: tuple[Method, ...]
    rows: int

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the mean accuracy, from the number of test rows alone: other seeds do not narrow it."""
        return share_interval(self.mean, self.rows)

    @property
    def mean(self) -> float:
        """Mean accuracy over the seeds."""
        return Repeated(self.accuracies).mean

    @property
    def spread(self) -> float:
        """Standard deviation of the accuracy over the seeds; 0 for one seed."""
        return Repeated(self.accuracies).spread

    def to_dict(self) -> dict[str, Any]:
        """The figures as values that JSON can hold."""
        return {**asdict(self), "mean": self.mean, "spread": self.spread, "interval": self.interval}


def compare(
    model: IntentModel,
    train: Dataset,
    test: Dataset,
    systems: Sequence[str] = tuple(SYSTEMS),
    seeds: Sequence[int] = (0, 1, 2),
    on_run: Callable[[str, int, float], None] | None = None,
) -> list[ComparedSystem]:
    """Train an agent in several ways from the same rows and measure each on the same test rows.

    Args:
        model: The base to train on; it is left without the compared agents.
        train: Rows with `text` and `label`.
        test: Rows with `text` and `label`, never seen in training.
        systems: Keys of `SYSTEMS`.
        seeds: One training run per seed; a probe is the same for every seed.
        on_run: Called after every run with the system, the seed and the accuracy.

    Returns:
        The figures of each system, in the order of `systems`.

    Raises:
        ConfigError: A system is unknown, or there is no seed.
        DataError: The rows cannot be used, or test rows have labels that no training row has.
    """
    unknown = [name for name in systems if name not in SYSTEMS]
    if unknown or not systems or not seeds:
        raise ConfigError(
            f"Cannot compare the systems {list(systems)} over the seeds {list(seeds)}: name at least one seed and "
            f"systems among {', '.join(SYSTEMS)}."
        )
    check_known_labels(test["label"][:], train["label"][:], "the training rows", "the test rows")
    # One model of our own for all runs: the caller's keeps its agents, and the base is fingerprinted once.
    own = IntentModel(model.base, name=model.base_name, revision=model.base_revision)
    return [_run(own, name, train, test, seeds, on_run) for name in systems]


def _run(
    model: IntentModel,
    name: str,
    train: Dataset,
    test: Dataset,
    seeds: Sequence[int],
    on_run: Callable[[str, int, float], None] | None,
) -> ComparedSystem:
    system = SYSTEMS[name]
    runs: list[tuple[float, float, Method]] = []
    size = 0
    for seed in seeds:
        result = train_agent(
            model,
            AGENT,
            train,
            seed=seed,
            method=system.method,
            circle_weight=system.circle_weight,
            progress=False,
            replace=True,
        )
        runs.append((evaluate(result.model, test, AGENT).accuracy, result.seconds, result.method))
        size = size or _agent_bytes(result.model, shared_base=not FITTERS[system.method].whole)
        if on_run is not None:
            on_run(name, seed, runs[-1][0])
    accuracies, seconds, kept = zip(*runs, strict=True)
    return ComparedSystem(name, system.title, accuracies, seconds, size, kept, len(test))


def _agent_bytes(model: IntentModel, *, shared_base: bool) -> int:
    with tempfile.TemporaryDirectory() as folder:
        model.save_adapter(AGENT, Path(folder, "adapter"))
        if not shared_base:
            model.base.save_pretrained(str(Path(folder, "base")))
        return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
