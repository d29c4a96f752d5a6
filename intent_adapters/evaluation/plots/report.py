"""All pictures of one evaluation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from intent_adapters.evaluation.agent import Evaluation
from intent_adapters.evaluation.plots.canvas import Picture
from intent_adapters.evaluation.plots.confidence import plot_confidence
from intent_adapters.evaluation.plots.confusion import most_confused, plot_confusion
from intent_adapters.evaluation.plots.entities import plot_entities
from intent_adapters.evaluation.plots.reliability import plot_reliability
from intent_adapters.evaluation.plots.selective import plot_risk_coverage
from intent_adapters.evaluation.plots.similarity import plot_similarity
from intent_adapters.evaluation.plots.utterance_map import MARKS, MINIMUM_ROWS, plot_map
from intent_adapters.evaluation.selective import risk_coverage
from intent_adapters.model import IntentModel

# More dots hide each other, and t-SNE takes minutes.
MAPPED_ROWS = 1500


def save_plots(model: IntentModel, evaluation: Evaluation, folder: str | Path) -> list[Path]:
    """Draw every picture of an evaluation as PNG.

    Args:
        model: The model that was evaluated; up to 1,500 of the rows are encoded again, for the map and the similarity.
        evaluation: What `evaluate` gave for it.
        folder: Where to write `confusion.png`, `similarity.png`, `map.png` (from 3 rows on), `confidence.png`,
            `reliability.png`, `risk_coverage.png` and, if entities were scored, `entities.png`; made if need be, and
            files of these names are replaced.

    Returns:
        The files.

    Raises:
        AgentError: The agent is in memory no more.

    Warns:
        MissingFontWarning: No installed font can draw the names of the intents.
    """
    return [picture.write(Path(folder, f"{name}.png")) for name, picture in _pictures(model, evaluation)]


def _pictures(model: IntentModel, evaluation: Evaluation) -> Iterator[tuple[str, Picture]]:
    yield "confusion", plot_confusion(evaluation)
    rows = _sample(evaluation.labels, MAPPED_ROWS)
    texts = [evaluation.answers.texts[row] for row in rows]
    labels = [evaluation.labels[row] for row in rows]
    after = model.encode(texts, agents=evaluation.agent)
    yield "similarity", plot_similarity(after, labels)
    if len(rows) >= MINIMUM_ROWS:
        highlight = most_confused(evaluation, len(MARKS)) or None
        yield "map", plot_map(model.encode(texts), after, labels, highlight=highlight)
    answers, others = evaluation.answers, evaluation.out_of_scope_answers
    foreign = None if others is None else others.scores
    scores, correct, threshold = answers.scores, evaluation.correct, evaluation.threshold
    yield "confidence", plot_confidence(scores, correct, foreign, threshold, "scope score")
    yield "reliability", plot_reliability(evaluation.calibration)
    yield "risk_coverage", _risk_coverage(evaluation)
    if evaluation.entities is not None:
        yield "entities", plot_entities(evaluation.entities)


def _risk_coverage(evaluation: Evaluation) -> Picture:
    """By either score on the labelled rows; with the out-of-scope rows by the scope score, which is meant for them."""
    answers, others, correct = evaluation.answers, evaluation.out_of_scope_answers, evaluation.correct
    curves = {"by probability": evaluation.selective, "by scope score": risk_coverage(answers.scores, correct)}
    kinds = {"by scope score": (answers.accepted, correct)}
    if others is not None:
        name = "by scope score, out-of-scope utterances included"
        right = np.concatenate([correct, np.zeros(len(others.scores), dtype=bool)])
        curves[name] = risk_coverage(np.concatenate([answers.scores, others.scores]), right)
        kinds[name] = (np.concatenate([answers.accepted, others.accepted]), right)
    at_threshold = {
        name: (float(accepted.mean()), float((~right[accepted]).mean()))
        for name, (accepted, right) in kinds.items()
        if evaluation.threshold is not None and accepted.any()
    }
    return plot_risk_coverage(curves, at_threshold)


def _sample(labels: Sequence[str], limit: int) -> NDArray[np.int64]:
    """Some rows at random but always the same ones, as evenly over the labels as they allow, in their order."""
    shuffled = np.random.default_rng(0).permutation(len(labels))
    seen: Counter[str] = Counter()
    turn = np.empty(len(labels), dtype=np.int64)
    for row in shuffled:
        turn[row] = seen[labels[row]]
        seen[labels[row]] += 1
    return np.sort(shuffled[np.argsort(turn[shuffled], kind="stable")][:limit])
