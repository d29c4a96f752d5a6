"""How sure the agent is where it is right, where it is wrong, and where it has no intent at all."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from intent_adapters.evaluation.arrays import Flags, Floats, Numbers, flags, numbers
from intent_adapters.evaluation.plots.canvas import BLUE, DARK, GREY, VERMILLION, Picture, new_picture, percent_axis

BINS = 40


def plot_confidence(
    scores: Numbers,
    correct: Flags,
    out_of_scope: Numbers | None = None,
    threshold: float | None = None,
    score_name: str = "score",
) -> Picture:
    """Histograms of the scores of right answers, wrong answers and out-of-scope utterances, one above the other.

    Each is drawn as shares of its own kind, so that a few wrong answers can be seen beside many right ones.

    Args:
        scores: (rows,) scores of in-scope rows, higher being more in scope.
        correct: (rows,) whether the answer was right.
        out_of_scope: (others,) scores of out-of-scope rows, if there are any.
        threshold: Where the agent begins to answer.
        score_name: What to call the score.

    Returns:
        The picture.

    Raises:
        DataError: There are no rows, a score is not finite, or the arrays do not fit together.
    """
    inside = numbers("scores", scores)
    right = flags("correct", correct, len(inside))
    kinds = [("right", inside[right], BLUE), ("wrong", inside[~right], VERMILLION)]
    if out_of_scope is not None:
        kinds.append(("out of scope", numbers("out_of_scope", out_of_scope), GREY))
    everything = np.concatenate([values for _, values, _ in kinds])
    marks = everything if threshold is None else np.append(everything, threshold)
    low, high = float(marks.min()), float(marks.max())
    edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
    with new_picture(7, 1.75 * len(kinds) + 0.7) as picture:
        panels: list[Axes] = list(np.atleast_1d(picture.subplots(len(kinds), 1, sharex=True)))
        for axes, (name, values, colour) in zip(panels, kinds, strict=True):
            _draw(axes, name, values, colour, edges, threshold)
        mark = "" if threshold is None else f" (dashed: threshold {threshold:.3g})"
        panels[-1].set_xlabel(f"{score_name}{mark}")
    return picture


def _draw(axes: Axes, name: str, values: Floats, colour: str, edges: Floats, threshold: float | None) -> None:
    weights = np.full(len(values), 1 / max(len(values), 1))
    axes.hist(values, edges.tolist(), weights=weights, color=colour, alpha=0.9)
    axes.set_title(f"{name}: {len(values)} utterances", fontsize=10, loc="left")
    axes.locator_params(axis="y", nbins=3)
    percent_axis(axes.yaxis)
    if threshold is not None:
        axes.axvline(threshold, color=DARK, linestyle="--", linewidth=1)
        if len(values):
            axes.set_title(f"{100 * (values < threshold).mean():.1f} % rejected", fontsize=10, loc="right")
