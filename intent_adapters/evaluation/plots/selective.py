"""What the agent gains by answering only where it is sure."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle

from intent_adapters.evaluation.plots.canvas import (
    COLOURS,
    DARK,
    GRID,
    Picture,
    named_legend,
    new_picture,
    percent_axis,
)
from intent_adapters.evaluation.selective import RiskCoverage

_LINES = ("-", "--", "-.", ":")
# Among the first few answers one mistake is a large share: it does not set the scale.
_SCALED_TO = [percent / 100 for percent in range(10, 101)]


def plot_risk_coverage(
    curves: Mapping[str, RiskCoverage], thresholds: Mapping[str, tuple[float, float]] | None = None
) -> Picture:
    """Share of wrong answers against share of utterances answered, as the threshold falls.

    Args:
        curves: Each under its name.
        thresholds: For some of the names the coverage and the risk at the agent's threshold, drawn as a dot.

    Returns:
        The picture.
    """
    with new_picture(6.4, 5.2, curves) as picture:
        axes = picture.add_subplot()
        handles, names = [], []
        for (name, curve), colour, line in zip(curves.items(), cycle(COLOURS), cycle(_LINES), strict=False):
            handles += axes.plot(curve.coverage, curve.risk, color=colour, linestyle=line, linewidth=1.8)
            names.append(f"{name} (area {curve.area:.3f})")
            if thresholds and name in thresholds:
                axes.plot(*thresholds[name], "o", color=colour, markersize=8, markeredgecolor="white")
        if thresholds:
            handles += axes.plot([], [], "o", color=DARK, markersize=8)
            names.append("the agent's threshold")
        axes.set_xlim(0, 1.01)
        highest = max((curve.risk_at(share) for curve in curves.values() for share in _SCALED_TO), default=0)
        axes.set_ylim(0, max(1.08 * highest, 0.01))
        axes.grid(color=GRID)
        for axis in (axes.xaxis, axes.yaxis):
            percent_axis(axis)
        axes.set_xlabel("coverage: utterances answered")
        axes.set_ylabel("risk: wrong among the answered")
        named_legend(picture, handles, names, loc="outside lower center")
    return picture
