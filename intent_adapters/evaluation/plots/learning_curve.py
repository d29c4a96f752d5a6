"""How much more examples help."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle

from intent_adapters.errors import DataError
from intent_adapters.evaluation.plots.canvas import COLOURS, GRID, Picture, named_legend, new_picture, percent_axis
from intent_adapters.evaluation.repetition import Repeated

_MARKERS = ("o", "s", "^", "D", "v", "P")


def plot_learning_curve(accuracies: Mapping[str, Mapping[int, Sequence[float]]]) -> Picture:
    """Accuracy against utterances per intent: the mean over the seeds as a line, each seed as a dot.

    The band is one standard deviation over the seeds to either side.

    Args:
        accuracies: For each system by its name: utterances per intent -> accuracy of each seed, between 0 and 1.

    Returns:
        The picture; the horizontal axis doubles from step to step.

    Raises:
        DataError: There is no system, or no accuracy for one of the numbers of utterances.
    """
    if not accuracies or not all(points and all(points.values()) for points in accuracies.values()):
        raise DataError("the learning curve of a system is empty; give one accuracy at least for each point")
    with new_picture(6.4, 4.8, accuracies) as picture:
        axes = picture.add_subplot()
        handles, shots = [], sorted({shot for points in accuracies.values() for shot in points})
        for points, colour, marker in zip(accuracies.values(), cycle(COLOURS), cycle(_MARKERS), strict=False):
            where = sorted(points)
            figures = [Repeated(tuple(points[shot])) for shot in where]
            means = [figure.mean for figure in figures]
            below = [figure.mean - figure.spread for figure in figures]
            above = [figure.mean + figure.spread for figure in figures]
            axes.fill_between(where, below, above, color=colour, alpha=0.15, linewidth=0)
            for shot in where:
                axes.plot([shot] * len(points[shot]), points[shot], ".", color=colour, alpha=0.5, markersize=5)
            handles += axes.plot(where, means, color=colour, marker=marker, linewidth=1.8, markersize=6)
        axes.set_xscale("log", base=2)
        axes.set_xticks(shots, [str(shot) for shot in shots])
        axes.minorticks_off()
        axes.grid(color=GRID)
        percent_axis(axes.yaxis)
        axes.set_xlabel("utterances per intent")
        axes.set_ylabel("accuracy")
        named_legend(axes, handles, list(accuracies), loc="best")
    return picture
