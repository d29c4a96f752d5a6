"""The paper's claims about the order of the rows, and the test that each is put to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import permutation_test

LEVEL = 0.05
"""Below this p a difference counts as one."""


@dataclass(frozen=True)
class Claim:
    """What the paper says: that the row `better` is ahead of the row `worse`."""

    words: str
    better: str
    worse: str


CLAIMS = (
    Claim("stage 1 helps the large model", "large-se", "large-plm"),
    Claim("stage 1 helps the distilled model", "distilled-se", "distilled-plm"),
    Claim("so with metric learning", "distilled-se-metric", "distilled-plm-metric"),
    Claim("metric learning helps Large PLM", "large-plm-metric", "large-plm"),
    Claim("metric learning helps Large SE", "large-se-metric", "large-se"),
    Claim("metric learning helps Distilled PLM", "distilled-plm-metric", "distilled-plm"),
    Claim("metric learning helps Distilled SE", "distilled-se-metric", "distilled-se"),
    Claim("an adapter beats fine-tuning, Large SE", "large-se-metric", "large-se-tuned"),
    Claim("an adapter beats fine-tuning, Distilled SE", "distilled-se-metric", "distilled-se-tuned"),
    Claim("an adapter beats logistic regression", "distilled-se-metric", "distilled-se-probe"),
    Claim("an adapter beats SetFit", "distilled-se-metric", "distilled-se-setfit"),
)
"""Of tables 2 and 3, and of the two rows that we add."""


@dataclass(frozen=True)
class Difference:
    """The better of two rows, if there is one.

    Attributes:
        points: Mean of the differences, first less second, in percentage points.
        p: Two-sided p of the exact paired permutation test: each difference could as well have had the other sign.
        repetitions: How many pairs there were.
    """

    points: float
    p: float
    repetitions: int

    @property
    def least_p(self) -> float:
        """The smallest p that so many repetitions can give: of all signs, the two where all are alike."""
        return min(1.0, 2.0 ** (1 - self.repetitions))

    @property
    def verdict(self) -> str:
        """Whether the first is "better" or "worse" than the second, "no difference shown", or "too few to tell"."""
        if self.p >= LEVEL:
            return "no difference shown" if self.least_p < LEVEL else "too few to tell"
        return "better" if self.points > 0 else "worse"


def compare_pairs(first: Sequence[float], second: Sequence[float]) -> Difference:
    """Compare the accuracies, in [0, 1], of two rows on the same draws.

    With fewer than six repetitions the test cannot reach a p below 0.05.
    """
    differences = 100 * (np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64))
    if len(differences) < 2 or not differences.any():
        return Difference(float(differences.mean()), 1.0, len(differences))
    # Rounded, so that sums that differ by the order of addition alone count as equal.
    tested = permutation_test(
        (differences.round(9),), np.mean, permutation_type="samples", n_resamples=np.inf, vectorized=False
    )
    return Difference(float(differences.mean()), float(tested.pvalue), len(differences))
