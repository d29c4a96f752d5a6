"""Pictures of table 4 and figure 2."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from examples.paper.results import Results
from examples.published import CHECKPOINT_MEGABYTES, FASTER, SIZE_RATIO
from intent_adapters.evaluation.plots.canvas import BLUE, GREY, GRID, PURPLE, new_picture

LOOKS = {"large, fine-tuned": (GREY, "D"), "distilled, fine-tuned": (PURPLE, "v"), "distilled, adapter": (BLUE, "o")}


def plot_figure_2(results: Results, file: Path) -> None:
    """Parameters, checkpoint and response time of both encoders, one panel each, the ratio and the paper's above."""
    footprint, response = results.values["footprint"], results.values["response"]
    large, distilled = footprint["large"], footprint["distilled"]
    one = response["threads"].get("1") or next(iter(response["threads"].values()))
    panels = (
        ("parameters, millions", large["parameters"] / 1e6, distilled["parameters"] / 1e6, SIZE_RATIO),
        ("checkpoint, MB", large["bytes"] / 1e6, distilled["bytes"] / 1e6, SIZE_RATIO),
        ("one sentence on a CPU, ms", one["large"], one["distilled"], 1 - FASTER),
    )
    with new_picture(9.0, 3.6) as figure:
        for place, (title, of_large, of_small, paper) in enumerate(panels, start=1):
            axes = figure.add_subplot(1, 3, place)
            bars = axes.bar(["large", "distilled"], [of_large, of_small], color=[GREY, BLUE], width=0.6)
            axes.bar_label(bars, [f"{of_large:.1f}", f"{of_small:.1f}"], padding=2)
            axes.set_title(f"{title}\n{of_small / of_large:.0%} of large (paper {paper:.0%})")
            axes.set_ylim(0, 1.15 * max(of_large, of_small))
            axes.set_yticks([])
            axes.set_xlim(-0.7, 1.7)
            axes.spines["left"].set_visible(False)
    figure.write(file)


def plot_table_4(results: Results, file: Path) -> None:
    """Megabytes for 1, 50 and 100 agents, logarithmic; the paper's figures as hollow marks."""
    totals = results.values["footprint"]["totals"]
    with new_picture(7.6, 4.2) as figure:
        axes = figure.add_subplot()
        for name, (colour, marker) in LOOKS.items():
            counts = [int(count) for count in totals[name]]
            ours = [total / 1e6 for total in totals[name].values()]
            paper = [CHECKPOINT_MEGABYTES[name][count] for count in counts]
            axes.plot(counts, ours, color=colour, marker=marker, label=name, linewidth=1.8)
            hollow: dict[str, Any] = {"markerfacecolor": "white", "linestyle": ":", "label": f"{name}, paper"}
            axes.plot(counts, paper, color=colour, marker=marker, **hollow)
            axes.annotate(
                f"{ours[-1]:,.0f} MB", (counts[-1], ours[-1]), xytext=(6, -3), textcoords="offset points", color=colour
            )
        axes.set_yscale("log")
        axes.set_yticks([100, 1_000, 10_000], ["100 MB", "1 GB", "10 GB"])
        axes.set_xticks([1, 50, 100])
        axes.set_xlim(-4, 122)
        axes.set_xlabel("agents")
        axes.set_ylabel("on disk")
        axes.grid(color=GRID)
        axes.set_title("Encoders and agents on disk, from saved folders")
        figure.legend(loc="outside right center")
    figure.write(file)
