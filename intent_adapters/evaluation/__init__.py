"""Measuring agents, and ways to train them."""

from __future__ import annotations

from intent_adapters.evaluation.classification import (
    ClassificationScores,
    Confusion,
    IntentScore,
    evaluate,
    score_labels,
)
from intent_adapters.evaluation.comparison import SYSTEMS, ComparedSystem, System, compare

__all__ = [
    "SYSTEMS",
    "ClassificationScores",
    "ComparedSystem",
    "Confusion",
    "IntentScore",
    "System",
    "compare",
    "evaluate",
    "score_labels",
]
