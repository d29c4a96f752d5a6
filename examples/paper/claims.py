"""The paper's claims about the order of the systems, each put to the test on our results."""

from __future__ import annotations

from dataclasses import dataclass

from examples.paper.results import Results
from examples.paper.significance import Difference


@dataclass(frozen=True)
class Claim:
    """That one system is better than another.

    Attributes:
        words: What the paper says.
        better: The system that should be ahead.
        worse: The one behind.
    """

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


def check_claims(results: Results, column: str) -> list[tuple[Claim, Difference]]:
    """The claims of which both systems were run on a column, with what came of them."""
    tested = [(claim, results.difference(column, claim.better, claim.worse)) for claim in CLAIMS]
    return [(claim, difference) for claim, difference in tested if difference is not None]
