"""How well predicted labels agree with true ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from sklearn.metrics import accuracy_score, precision_recall_fscore_support

from intent_adapters.errors import DataError
from intent_adapters.evaluation.arrays import Figures


@dataclass(frozen=True, slots=True)
class IntentScore(Figures):
    """One intent's figures.

    Attributes:
        label: The intent.
        precision: Share of its predictions that were right; 0 if it was never predicted.
        recall: Share of its rows that were found.
        f1: Harmonic mean of the two.
        support: How many rows it has.
    """

    label: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True)
class Confusion(Figures):
    """An intent taken for another.

    Attributes:
        label: The intent of the rows.
        predicted: The intent that was predicted.
        count: How many rows.
    """

    label: str
    predicted: str
    count: int


@dataclass(frozen=True, slots=True)
class ClassificationScores(Figures):
    """Accuracy and macro F1, with the intents and confusions behind them.

    Attributes:
        rows: How many rows were classified.
        accuracy: Share of them that were right.
        macro_f1: Mean of the intents' F1, each intent counting alike; intents that occur as label or prediction.
        intents: The intents, lowest F1 first.
        confusions: Pairs that were confused, most often first.
    """

    rows: int
    accuracy: float
    macro_f1: float
    intents: tuple[IntentScore, ...]
    confusions: tuple[Confusion, ...]

    def figures(self) -> dict[str, Any]:
        """These figures by name, for scores that have more beside them."""
        return {entry.name: getattr(self, entry.name) for entry in fields(ClassificationScores)}


def score_labels(labels: Sequence[str], predictions: Sequence[str]) -> ClassificationScores:
    """Compares predicted with true labels.

    Args:
        labels: The true labels, at least one.
        predictions: The predicted labels, in the same order.

    Returns:
        Accuracy, macro F1, and the intents and confusions behind them.

    Raises:
        DataError: There are no labels, or not as many predictions.
    """
    if not labels or len(labels) != len(predictions):
        raise DataError(f"{len(labels)} labels and {len(predictions)} predictions; give one prediction for each label")
    names = sorted({*labels, *predictions})
    precision, recall, f1, support = precision_recall_fscore_support(
        labels, predictions, labels=names, average=None, zero_division=0
    )
    columns = (names, precision.tolist(), recall.tolist(), f1.tolist(), support.tolist())
    intents = [IntentScore(*values) for values in zip(*columns, strict=True)]
    wrong = Counter((true, guess) for true, guess in zip(labels, predictions, strict=True) if true != guess)
    confusions = [Confusion(true, guess, count) for (true, guess), count in wrong.items()]
    return ClassificationScores(
        rows=len(labels),
        accuracy=float(accuracy_score(labels, predictions)),
        macro_f1=float(f1.mean()),
        intents=tuple(sorted(intents, key=lambda intent: (intent.f1, intent.label))),
        confusions=tuple(sorted(confusions, key=lambda pair: (-pair.count, pair.label, pair.predicted))),
    )
