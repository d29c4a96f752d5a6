"""The disk: what N agents take."""

from __future__ import annotations

from examples.benchmark.plots.look import LOOKS
from examples.benchmark.results import Results
from examples.published import CHECKPOINT_MEGABYTES
from intent_adapters.evaluation.plots.canvas import DARK, GREY, Picture, new_picture

PAPER_MARKS = ("D", "v", "o")


def plot_footprint(results: Results) -> Picture | None:
    """Megabytes of base and agents against the number of agents, both axes logarithmic; dotted: the paper's table 4.

    Args:
        results: Of one run.

    Returns:
        The picture; None if nothing was saved.
    """
    disk = results.values["disk"]
    if not disk:
        return None
    with new_picture(8.6, 5.0) as picture:
        axes = picture.add_subplot()
        for system, found in disk.items():
            look = LOOKS[system]
            counts = [int(count) for count in found["totals"]]
            megabytes = [total / 1e6 for total in found["totals"].values()]
            axes.plot(
                counts,
                megabytes,
                color=look.colour,
                marker=look.marker,
                linestyle=look.line,
                label=look.label,
                linewidth=1.8,
            )
        for (label, totals), marker in zip(CHECKPOINT_MEGABYTES.items(), PAPER_MARKS, strict=True):
            axes.plot(
                list(totals),
                list(totals.values()),
                color=GREY,
                marker=marker,
                markerfacecolor="white",
                linestyle=":",
                label=f"paper: {label}",
            )
        axes.set_xscale("log")
        axes.set_yscale("log")
        counts = [1, 10, 50, 100, 1000, 10000]
        axes.set_xticks(counts, [f"{count:,}" for count in counts])
        sizes = (10, 100, 1000, 10_000, 100_000, 1_000_000)
        names = ("10 MB", "100 MB", "1 GB", "10 GB", "100 GB", "1 TB")
        low, high = axes.get_ylim()
        shown = [(size, name) for size, name in zip(sizes, names, strict=True) if low <= size <= high]
        axes.set_yticks([size for size, _ in shown], [name for _, name in shown])
        axes.minorticks_off()
        axes.grid(color="#EEEEEE")
        axes.set_xlabel("agents")
        axes.set_ylabel("on disk", color=DARK)
        axes.set_title(f"Base and agents of {results.settings['labels']} intents, from saved folders")
        picture.legend(loc="outside right center")
    return picture
