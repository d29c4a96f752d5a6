"""Whether an agent tells utterances that it has no intent for from those that it should answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from intent_adapters.evaluation.arrays import Figures, Flags, Floats, Numbers, flags, numbers
from intent_adapters.inputs import check_number


@dataclass(frozen=True, slots=True)
class RejectionScores(Figures):
    """What an agent's threshold does to utterances that it should answer.

    Attributes:
        false_rejection_rate: Share of the in-scope rows that were rejected.
        in_scope_accuracy: Share of the in-scope rows that were accepted and given the right intent (Larson et al.,
            2019): a rejected row counts as wrong.
        accepted_accuracy: Share of the accepted in-scope rows that were given the right intent; None if none was
            accepted.
    """

    false_rejection_rate: float
    in_scope_accuracy: float
    accepted_accuracy: float | None


@dataclass(frozen=True, slots=True)
class OutOfScopeScores(Figures):
    """How well in-scope and out-of-scope utterances are told apart, by the score alone and at the agent's threshold.

    In-scope rows are the positive class, and a higher score means more in scope.

    Attributes:
        rows: How many out-of-scope rows there were.
        auroc: Area under the ROC curve: the chance that an in-scope row scores higher than an out-of-scope row, where
            a tie counts half; 0.5 for guessing, 1 is best (Hendrycks and Gimpel, 2017).
        fpr95: Share of the out-of-scope rows that would be accepted at the highest threshold that accepts at least
            95 % of the in-scope rows; 0 is best.
        aupr_in: Average precision with the in-scope rows as the class to find.
        aupr_out: Average precision with the out-of-scope rows as the class to find.
        recall: Share of the out-of-scope rows that the agent rejected at its threshold.
        precision: Share of all rejected rows that were out of scope; 0 if none was rejected. Unlike all others here it
            changes with how many rows of either kind there are.
        f1: Harmonic mean of the two.
    """

    rows: int
    auroc: float
    fpr95: float
    aupr_in: float
    aupr_out: float
    recall: float
    precision: float
    f1: float


def auroc(in_scope: Numbers, out_of_scope: Numbers) -> float:
    """Area under the ROC curve, in-scope rows being positive.

    Args:
        in_scope: (rows,) scores of in-scope rows, higher being more in scope.
        out_of_scope: (others,) scores of out-of-scope rows.

    Returns:
        The chance that an in-scope row scores higher, ties counting half; between 0 and 1.

    Raises:
        DataError: There are no rows of a kind, or a score is not finite.
    """
    return float(roc_auc_score(*_two_classes(in_scope, out_of_scope)))


def fpr_at_tpr(in_scope: Numbers, out_of_scope: Numbers, tpr: float = 0.95) -> float:
    """Share of the out-of-scope rows that slip through if nearly all in-scope rows are to be accepted.

    A row is accepted if its score is at least the threshold, so rows that tie with it are in, whatever their kind.

    Args:
        in_scope: (rows,) scores of in-scope rows, higher being more in scope.
        out_of_scope: (others,) scores of out-of-scope rows.
        tpr: Share of the in-scope rows that must be accepted, above 0 and at most 1.

    Returns:
        The share at the highest threshold that does it, between 0 and 1.

    Raises:
        DataError: There are no rows of a kind, or a score is not finite.
        ConfigError: `tpr` is out of range.
    """
    check_number("tpr", tpr, 0, 1, above=True)
    labels, scores = _two_classes(in_scope, out_of_scope)
    false_positives, true_positives, _ = roc_curve(labels, scores, drop_intermediate=False)
    # A share of 19 out of 20 must reach 0.95, whatever the last bit of the division says.
    return float(false_positives[np.argmax(true_positives >= tpr - 1e-12)])


def average_precision(in_scope: Numbers, out_of_scope: Numbers) -> tuple[float, float]:
    """Area under the precision-recall curve, for either kind of rows as the one to find.

    Args:
        in_scope: (rows,) scores of in-scope rows, higher being more in scope.
        out_of_scope: (others,) scores of out-of-scope rows.

    Returns:
        In-scope rows to be found by high scores, out-of-scope rows to be found by low ones; each between 0 and 1.

    Raises:
        DataError: There are no rows of a kind, or a score is not finite.
    """
    labels, scores = _two_classes(in_scope, out_of_scope)
    return (float(average_precision_score(labels, scores)), float(average_precision_score(1 - labels, -scores)))


def score_rejection(accepted: Flags, correct: Flags) -> RejectionScores:
    """Score what a threshold does to in-scope rows.

    Args:
        accepted: (rows,) whether each was taken as in scope.
        correct: (rows,) whether its most probable intent was right, accepted or not.

    Returns:
        The shares, between 0 and 1.

    Raises:
        DataError: There are no rows, or the two do not fit together.
    """
    right = numbers("correct", np.asarray(correct, dtype=np.float64)) > 0
    taken = flags("accepted", accepted, len(right))
    return RejectionScores(
        false_rejection_rate=float((~taken).mean()),
        in_scope_accuracy=float((taken & right).mean()),
        accepted_accuracy=float(right[taken].mean()) if taken.any() else None,
    )


def score_out_of_scope(
    in_scope: Numbers, out_of_scope: Numbers, in_scope_accepted: Flags, out_of_scope_accepted: Flags
) -> OutOfScopeScores:
    """Score how well the two kinds of rows are told apart.

    Args:
        in_scope: (rows,) scores of in-scope rows, higher being more in scope.
        out_of_scope: (others,) scores of out-of-scope rows.
        in_scope_accepted: (rows,) whether each was taken as in scope.
        out_of_scope_accepted: (others,) likewise.

    Returns:
        The figures, with the out-of-scope rows as what is to be found in `recall` and `precision`.

    Raises:
        DataError: There are no rows of a kind, a score is not finite, or the arrays do not fit together.
    """
    inside, outside = numbers("in_scope", in_scope), numbers("out_of_scope", out_of_scope)
    falsely = int((~flags("in_scope_accepted", in_scope_accepted, len(inside))).sum())
    rightly = int((~flags("out_of_scope_accepted", out_of_scope_accepted, len(outside))).sum())
    aupr_in, aupr_out = average_precision(inside, outside)
    return OutOfScopeScores(
        rows=len(outside),
        auroc=auroc(inside, outside),
        fpr95=fpr_at_tpr(inside, outside),
        aupr_in=aupr_in,
        aupr_out=aupr_out,
        recall=rightly / len(outside),
        precision=rightly / max(rightly + falsely, 1),
        f1=2 * rightly / (len(outside) + rightly + falsely),
    )


def _two_classes(in_scope: Numbers, out_of_scope: Numbers) -> tuple[Floats, Floats]:
    inside, outside = numbers("in_scope", in_scope), numbers("out_of_scope", out_of_scope)
    labels = np.concatenate([np.ones(len(inside)), np.zeros(len(outside))])
    return labels, np.concatenate([inside, outside])
