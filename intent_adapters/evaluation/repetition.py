"""The same measurement over several seeds."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from intent_adapters.errors import DataError


@dataclass(frozen=True, slots=True)
class Repeated:
    """One figure over several runs.

    Attributes:
        values: The figure of each run, at least one.
    """

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean over the runs."""
        return statistics.fmean(self.values)

    @property
    def spread(self) -> float:
        """Standard deviation over the runs, as an estimate for all runs there could be (n - 1); 0 for one run."""
        return statistics.stdev(self.values) if len(self.values) > 1 else 0.0

    def to_dict(self) -> dict[str, Any]:
        """The figures as values that JSON can hold."""
        return {"mean": self.mean, "spread": self.spread, "values": list(self.values)}


def summarize_runs(runs: Sequence[Mapping[str, object]]) -> dict[str, Repeated]:
    """Mean and spread of every figure of several runs, such as the `to_dict()` of several evaluations.

    Args:
        runs: One mapping for each run; mappings inside become names with dots, such as "out_of_scope.auroc". What is
            no number, and what is missing in one of the runs, is left out.

    Returns:
        The figures by name, in the order of the first run.

    Raises:
        DataError: There are no runs.

    Example:
        ```python
        figures = summarize_runs([evaluate(model, test, f"clinic-{seed}").to_dict() for seed in (0, 1, 2)])
        figures["accuracy"].mean, figures["accuracy"].spread
        ```
    """
    if not runs:
        raise DataError("there are no runs to summarize; give the figures of one run at least")
    tables = [dict(_figures(run)) for run in runs]
    return {
        name: Repeated(tuple(table[name] for table in tables))
        for name in tables[0]
        if all(name in table for table in tables)
    }


def _figures(run: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, float]]:
    for name, value in run.items():
        if isinstance(value, Mapping):
            yield from _figures(value, f"{prefix}{name}.")
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            yield f"{prefix}{name}", float(value)
