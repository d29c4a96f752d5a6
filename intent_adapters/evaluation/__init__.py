"""Measuring agents, and ways to train them. The pictures are in `intent_adapters.evaluation.plots`."""

from __future__ import annotations

from intent_adapters.extras import missing

try:
    import datasets  # noqa: F401
except ModuleNotFoundError as error:
    raise missing(error) from error

from intent_adapters.evaluation.agent import Evaluation, evaluate
from intent_adapters.evaluation.answers import Answers, ask
from intent_adapters.evaluation.calibration import (
    CalibrationScores,
    ReliabilityBin,
    calibration_error_by_chance,
    expected_calibration_error,
    reliability_bins,
    score_calibration,
)
from intent_adapters.evaluation.classification import ClassificationScores, Confusion, IntentScore, score_labels
from intent_adapters.evaluation.comparison import SYSTEMS, ComparedSystem, System, compare
from intent_adapters.evaluation.cross_validation import CrossValidation, HeldOutScores, cross_validate, score_held_out
from intent_adapters.evaluation.difference import Change, Difference, PairedScores, diff_agents
from intent_adapters.evaluation.entities import (
    EntityConfusion,
    EntityMistake,
    EntityScore,
    EntityScores,
    EntitySpan,
    score_entities,
)
from intent_adapters.evaluation.mistakes import Mistake, write_mistakes
from intent_adapters.evaluation.out_of_scope import (
    OutOfScopeScores,
    RejectionScores,
    auroc,
    average_precision,
    fpr_at_tpr,
    score_out_of_scope,
    score_rejection,
)
from intent_adapters.evaluation.repetition import Repeated, summarize_runs
from intent_adapters.evaluation.selective import RiskCoverage, risk_coverage
from intent_adapters.evaluation.thresholds import ThresholdChoice, choose_threshold
from intent_adapters.evaluation.traffic import Drift, Review, ReviewedText, TextGroup, review

__all__ = [
    "SYSTEMS",
    "Answers",
    "CalibrationScores",
    "Change",
    "ClassificationScores",
    "ComparedSystem",
    "Confusion",
    "CrossValidation",
    "Difference",
    "Drift",
    "EntityConfusion",
    "EntityMistake",
    "EntityScore",
    "EntityScores",
    "EntitySpan",
    "Evaluation",
    "HeldOutScores",
    "IntentScore",
    "Mistake",
    "OutOfScopeScores",
    "PairedScores",
    "RejectionScores",
    "ReliabilityBin",
    "Repeated",
    "Review",
    "ReviewedText",
    "RiskCoverage",
    "System",
    "TextGroup",
    "ThresholdChoice",
    "ask",
    "auroc",
    "average_precision",
    "calibration_error_by_chance",
    "choose_threshold",
    "compare",
    "cross_validate",
    "diff_agents",
    "evaluate",
    "expected_calibration_error",
    "fpr_at_tpr",
    "reliability_bins",
    "review",
    "risk_coverage",
    "score_calibration",
    "score_entities",
    "score_held_out",
    "score_labels",
    "score_out_of_scope",
    "score_rejection",
    "summarize_runs",
    "write_mistakes",
]
