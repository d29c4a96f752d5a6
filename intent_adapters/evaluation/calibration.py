"""Whether an agent's probabilities mean what they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from intent_adapters.errors import DataError
from intent_adapters.evaluation.arrays import Figures, Flags, Numbers, flags, mean_over_ties, numbers
from intent_adapters.inputs import check_range

MOST_BINS = 15
ROWS_PER_BIN = 20
SIMULATIONS = 200


@dataclass(frozen=True, slots=True)
class ReliabilityBin(Figures):
    """Rows of similar confidence.

    Attributes:
        rows: How many rows.
        confidence: Mean confidence, between 0 and 1.
        accuracy: Share of them that were right. Rows of equal confidence that fall on the border of two bins count in
            both with the mean accuracy of all of them.
    """

    rows: int
    confidence: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class CalibrationScores(Figures):
    """How far confidence is from accuracy.

    Attributes:
        expected_calibration_error: Mean over the rows of the gap between confidence and accuracy in their bin, between
            0 (calibrated) and 1.
        error_by_chance: What an agent with the same confidences shows on as many rows though it is calibrated: the
            error that 95 % of such samples stay below. An error no larger says nothing against the agent.
        confidence: Mean confidence of all rows; above `accuracy` the agent is overconfident.
        accuracy: Share of all rows that were right.
        log_loss: Mean negative logarithm (nats) of the probability of the true intent; 0 is best.
        brier: Mean squared distance between the probabilities and the truth (Brier, 1950, summed over the intents),
            between 0 (best) and 2.
        bins: The reliability diagram: bins of equally many rows, least confident first.
    """

    expected_calibration_error: float
    error_by_chance: float
    confidence: float
    accuracy: float
    log_loss: float
    brier: float
    bins: tuple[ReliabilityBin, ...]


def reliability_bins(confidence: Numbers, correct: Flags, bins: int | None = None) -> tuple[ReliabilityBin, ...]:
    """Sort rows by confidence into bins of equally many rows (Nguyen and O'Connor, 2015).

    Bins of equal mass are never nearly empty. Those of equal width often are, where most confidences are near 1.

    Args:
        confidence: (rows,) the probability of the predicted intent.
        correct: (rows,) whether it was right.
        bins: How many bins; with fewer rows, one for each row. Sizes differ by one row at most. None: one for every
            20 rows, up to 15.

    Returns:
        The bins, least confident first. The order of the rows plays no part.

    Raises:
        DataError: There are no rows, or the two do not fit together.
        ConfigError: `bins` is below 1.
    """
    confidences = numbers("confidence", confidence)
    right = flags("correct", correct, len(confidences)).astype(np.float64)
    if bins is None:
        bins = min(max(len(confidences) // ROWS_PER_BIN, 1), MOST_BINS)
    check_range("bins", bins, 1)
    accuracies = mean_over_ties(confidences, right)
    parts = np.array_split(np.argsort(confidences, kind="stable"), min(bins, len(confidences)))
    return tuple(
        ReliabilityBin(len(part), float(confidences[part].mean()), float(accuracies[part].mean())) for part in parts
    )


def expected_calibration_error(confidence: Numbers, correct: Flags, bins: int | None = None) -> float:
    """Mean gap between confidence and accuracy (Naeini et al., 2015; Guo et al., 2017), here in bins of equal mass.

    Args:
        confidence: (rows,) the probability of the predicted intent.
        correct: (rows,) whether it was right.
        bins: As `reliability_bins`.

    Returns:
        Sum over the bins of (rows in the bin / all rows) · |accuracy − confidence|, between 0 and 1. Sampling noise
        alone makes it positive: see `calibration_error_by_chance`.

    Raises:
        DataError: As `reliability_bins`.
        ConfigError: As `reliability_bins`.
    """
    return _gap(reliability_bins(confidence, correct, bins))


def calibration_error_by_chance(confidence: Numbers, bins: int | None = None) -> float:
    """How large the expected calibration error of a calibrated agent may be on so few rows.

    Args:
        confidence: (rows,) the probability of the predicted intent.
        bins: As `reliability_bins`.

    Returns:
        The error that 95 % of 200 samples stay below, in which each answer is right with just its probability. The
        same confidences give the same number.

    Raises:
        DataError: As `reliability_bins`.
        ConfigError: As `reliability_bins`.
    """
    confidences = np.clip(numbers("confidence", confidence), 0, 1)
    drawn = np.random.default_rng(0).random((SIMULATIONS, len(confidences))) < confidences
    return float(np.quantile([expected_calibration_error(confidences, right, bins) for right in drawn], 0.95))


def score_calibration(
    probabilities: Sequence[Sequence[float]] | NDArray[np.floating],
    labels: Sequence[int] | NDArray[np.integer],
    bins: int | None = None,
) -> CalibrationScores:
    """Compare probabilities with what was true.

    Args:
        probabilities: (rows, intents) each row sums to 1.
        labels: (rows,) the true intent's column.
        bins: As `reliability_bins`.

    Returns:
        The scores.

    Raises:
        DataError: There are no rows, a label is no column, or the two do not fit together.
        ConfigError: As `reliability_bins`.
    """
    table = np.asarray(probabilities, dtype=np.float64)
    true = np.asarray(labels)
    if table.ndim != 2 or true.shape != table.shape[:1] or not len(true):
        raise DataError(
            f"probabilities of the shape {table.shape} and labels of the shape {true.shape} do not fit together; give "
            "(rows, intents) and (rows,), and at least one row"
        )
    if not np.issubdtype(true.dtype, np.integer) or true.min() < 0 or true.max() >= table.shape[1]:
        raise DataError(f"a label is not one of the {table.shape[1]} columns; give their numbers, from 0")
    confidence, correct = table.max(axis=1), table.argmax(axis=1) == true
    rows = np.arange(len(true))
    of_true = table[rows, true]
    squares = (table**2).sum(axis=1) - of_true**2 + (1 - of_true) ** 2
    parts = reliability_bins(confidence, correct, bins)
    return CalibrationScores(
        expected_calibration_error=_gap(parts),
        error_by_chance=calibration_error_by_chance(confidence, bins),
        confidence=float(confidence.mean()),
        accuracy=float(correct.mean()),
        # A softmax in float32 may give a flat 0 to the true intent.
        log_loss=float(-np.log(np.maximum(of_true, np.finfo(np.float32).tiny)).mean()),
        brier=float(squares.mean()),
        bins=parts,
    )


def _gap(bins: Sequence[ReliabilityBin]) -> float:
    rows = sum(part.rows for part in bins)
    return sum(part.rows * abs(part.accuracy - part.confidence) for part in bins) / rows
