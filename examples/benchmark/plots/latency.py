"""One utterance: how much of the large model's time each system takes."""

from __future__ import annotations

from examples.benchmark.plots.look import LOOKS
from examples.benchmark.results import LARGE, Results
from examples.benchmark.targets import PAPER_ONE_TO_LARGE
from intent_adapters.evaluation.plots.canvas import DARK, Picture, new_picture

ROOM = 0.42
"""How far the axis goes on beyond the longest bar: what is written at its end needs it."""
BEHIND_TEXT = {"facecolor": "white", "edgecolor": "none", "pad": 1}


def plot_latency(results: Results) -> Picture | None:
    """Bars of the time of one utterance as a share of the large model's, a panel for each number of threads.

    Args:
        results: Of one run.

    Returns:
        The picture; None if the large model was not run.
    """
    if LARGE not in results.timed():
        return None
    systems = [name for name in results.timed() if results.to_large(results.threads[0], name, "one") is not None]
    with new_picture(5.2 * len(results.threads) + 1.2, 1.5 + 0.36 * len(systems)) as picture:
        panels = picture.subplots(1, len(results.threads), sharey=True, squeeze=False)[0]
        for axes, threads in zip(panels, results.threads, strict=True):
            longest = 1.0
            for row, system in enumerate(systems):
                share = results.to_large(threads, system, "one")
                milliseconds = results.milliseconds(threads, system, "one")
                if share is None or milliseconds is None:
                    continue
                error = [[share["median"] - share["low"]], [share["high"] - share["median"]]]
                axes.barh(row, share["median"], 0.66, color=LOOKS[system].colour, xerr=error, ecolor=DARK)
                text = f"{share['median']:.2g}  ({milliseconds['median']:.3g} ms)"
                axes.text(share["high"] + 0.02, row, text, va="center", fontsize=8.5, bbox=BEHIND_TEXT)
                longest = max(longest, share["high"])
            axes.axvline(PAPER_ONE_TO_LARGE, color=DARK, linestyle=":", zorder=0)
            axes.text(PAPER_ONE_TO_LARGE + 0.02, -0.8, f"paper: {PAPER_ONE_TO_LARGE}", va="center", fontsize=8.5)
            axes.set_xlim(0, longest + ROOM)
            axes.set_xticks([0, 0.25, 0.5, 0.75, 1])
            axes.set_ylim(len(systems) - 0.4, -1.2)
            axes.set_title(f"{threads} thread{'s' if threads > 1 else ''}")
            axes.set_xlabel("share of the large model's time")
            axes.grid(axis="x", color="#EEEEEE")
        panels[0].set_yticks(range(len(systems)), [LOOKS[system].label for system in systems])
        picture.suptitle(
            f"One utterance of {results.settings['tokens']} tokens, text in to prediction out "
            "(bare encoders: tokens in, embedding out)",
            fontsize=11,
            x=0.01,
            ha="left",
        )
    return picture
