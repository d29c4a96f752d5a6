"""What an agent gains by answering only where it is sure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from intent_adapters.evaluation.arrays import Figures, Flags, Floats, Numbers, flags, mean_over_ties, numbers

SHOWN_POINTS = 100


@dataclass(frozen=True, slots=True)
class RiskCoverage(Figures):
    """Risk against coverage as the threshold falls (Geifman and El-Yaniv, 2017).

    Attributes:
        area: Area under the curve (AURC): mean risk over the coverages 1/rows, 2/rows, ..., 1; between 0 (best) and 1.
        coverage: (rows,) share of the rows that are answered, rising to 1.
        risk: (rows,) share of the answered rows that were wrong; for rows of equal score the expectation over their
            orders.
    """

    area: float
    coverage: Floats = field(compare=False, repr=False)
    risk: Floats = field(compare=False, repr=False)

    def risk_at(self, coverage: float) -> float:
        """The risk if at least this share of the rows is answered.

        Args:
            coverage: Above 0, at most 1.

        Returns:
            The share of wrong answers among the answered rows, between 0 and 1.
        """
        index = int(np.searchsorted(self.coverage, coverage - 1e-12))
        return float(self.risk[min(index, len(self.risk) - 1)])

    def to_dict(self) -> dict[str, Any]:
        """The area, and the curve at up to a hundred coverages, as values that JSON can hold."""
        rows = len(self.risk)
        shown = np.unique(np.ceil(np.arange(1, SHOWN_POINTS + 1) * rows / SHOWN_POINTS).astype(int)) - 1
        return {"area": self.area, "coverage": self.coverage[shown].tolist(), "risk": self.risk[shown].tolist()}


def risk_coverage(scores: Numbers, correct: Flags) -> RiskCoverage:
    """Answer rows from the surest to the least sure, and count the mistakes among those answered.

    Args:
        scores: (rows,) how sure the agent is, higher being surer.
        correct: (rows,) whether its answer was right; no answer to an out-of-scope row is.

    Returns:
        The curve. The order of the rows plays no part.

    Raises:
        DataError: There are no rows, a score is not finite, or the two do not fit together.
    """
    sureness = numbers("scores", scores)
    wrong = (~flags("correct", correct, len(sureness))).astype(np.float64)
    order = np.argsort(-sureness, kind="stable")
    answered = np.arange(1, len(order) + 1, dtype=np.float64)
    risk = np.cumsum(mean_over_ties(sureness, wrong)[order]) / answered
    return RiskCoverage(area=float(risk.mean()), coverage=answered / len(order), risk=risk)
