"""Whether the agent is right as often as it says."""

from __future__ import annotations

from intent_adapters.evaluation.calibration import CalibrationScores
from intent_adapters.evaluation.plots.canvas import BLUE, GREY, GRID, Picture, named_legend, new_picture, percent_axis
from intent_adapters.evaluation.sampling import share_interval


def plot_reliability(calibration: CalibrationScores) -> Picture:
    """Reliability diagram (Niculescu-Mizil and Caruana, 2005): accuracy against confidence in bins of equal mass.

    A calibrated agent lies on the diagonal; below it, it is too sure of itself. The bars are 95 % intervals (Wilson,
    1927): where they cross the diagonal, the bin may be off by chance.

    Args:
        calibration: What `evaluate` or `score_calibration` gave.

    Returns:
        The picture.
    """
    bins = calibration.bins
    low, high = zip(*(share_interval(part.accuracy, part.rows) for part in bins), strict=True)
    confidence = [part.confidence for part in bins]
    with new_picture(5.6, 5.6) as picture:
        axes = picture.add_subplot()
        (diagonal,) = axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1)
        axes.vlines(confidence, low, high, colors=BLUE, alpha=0.35, linewidth=3)
        (line,) = axes.plot(confidence, [part.accuracy for part in bins], "o-", color=BLUE, linewidth=1, markersize=6)
        axes.set_xlim(0, 1.02)
        axes.set_ylim(0, 1.02)
        axes.set_aspect("equal")
        axes.grid(color=GRID)
        for axis in (axes.xaxis, axes.yaxis):
            percent_axis(axis)
        axes.set_xlabel("confidence: probability of the answer")
        axes.set_ylabel("accuracy: share of right answers")
        axes.set_title(
            f"Expected calibration error {calibration.expected_calibration_error:.3f}\n"
            f"{100 * calibration.confidence:.1f} % sure, {100 * calibration.accuracy:.1f} % right on average"
        )
        names = [f"{len(bins)} bins of about {bins[0].rows} utterances", "calibrated"]
        named_legend(axes, [line, diagonal], names, loc="upper left")
    return picture
