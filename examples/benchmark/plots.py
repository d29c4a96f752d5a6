"""Pictures of a run: one utterance, a batch, the disk. What a run has no figures for is not drawn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from examples.benchmark.results import LARGE, Results
from examples.benchmark.targets import BATCH_TO_BARE, PAPER_ONE_TO_LARGE
from examples.published import CHECKPOINT_MEGABYTES
from intent_adapters.evaluation.plots.canvas import (
    BLUE,
    DARK,
    GREEN,
    GREY,
    GRID,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    new_picture,
)

BEHIND_TEXT = {"facecolor": "white", "edgecolor": "none", "pad": 1}
PAPER_MARKS = ("D", "v", "o")
ROOM = 0.42
"""How far the axis of `_latency` goes on beyond the longest bar: what is written at its end needs it."""


class Look(NamedTuple):
    """How a system is drawn, the same in every picture; ours are blue."""

    label: str
    colour: str
    marker: str
    line: str = "-"

    def of_line(self) -> dict[str, Any]:
        return {"color": self.colour, "marker": self.marker, "linestyle": self.line, "label": self.label}


LOOKS = {
    "bare-torch": Look("bare encoder, PyTorch", GREY, "."),
    "bare-onnx-fp32": Look("bare encoder, ONNX fp32", GREY, "."),
    "bare-onnx-int8": Look("bare encoder, ONNX int8", GREY, "."),
    "ours-torch": Look("ours, PyTorch", SKY, "o"),
    "ours-onnx-fp32": Look("ours, ONNX fp32", BLUE, "s", "--"),
    "ours-onnx-int8": Look("ours, ONNX int8", BLUE, "o"),
    "ours-fp16": Look("ours, base in fp16", SKY, "s", "--"),
    "large": Look("large model, fine-tuned", DARK, "D"),
    "small-finetuned": Look("small model, fine-tuned", PURPLE, "D"),
    "setfit": Look("SetFit", PURPLE, "v", "--"),
    "sklearn": Look("frozen + logistic regression", GREEN, "P"),
    "lora-qv": Look("PEFT LoRA, query + value", VERMILLION, "^"),
    "lora-all": Look("PEFT LoRA, all linear", VERMILLION, "s", "--"),
    "adapterhub": Look("AdapterHub, BatchSplit", ORANGE, "X"),
}


def write_plots(results: Results, folder: str | Path) -> list[Path]:
    """Write every picture for which there are figures, as `NAME.png`; gives the files."""
    panels = len(results.threads)
    bars = len(_compared_with_large(results))
    pictures: dict[str, tuple[bool, float, float, Callable[[Results, Figure], None]]] = {
        "latency": (bars > 0, 5.2 * panels + 1.2, 1.5 + 0.36 * bars, _latency),
        "batch": (bool(_compared_in_batches(results)), 4.2 * panels + 2.6, 4.6, _batch),
        "footprint": (bool(results.values["disk"]), 8.6, 5.0, _footprint),
    }
    files = []
    for name, (there, width, height, plot) in pictures.items():
        if there:
            with new_picture(width, height) as figure:
                plot(results, figure)
            files.append(figure.write(Path(folder, f"{name}.png")))
    return files


def _compared_with_large(results: Results) -> list[str]:
    if LARGE not in results.timed():
        return []
    return [name for name in results.timed() if results.to_large(results.threads[0], name, "one") is not None]


def _latency(results: Results, figure: Figure) -> None:
    """Bars of the time of one utterance as a share of the large model's, a panel for each number of threads."""
    systems = _compared_with_large(results)
    panels = figure.subplots(1, len(results.threads), sharey=True, squeeze=False)[0]
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
        axes.grid(axis="x", color=GRID)
    panels[0].set_yticks(range(len(systems)), [LOOKS[system].label for system in systems])
    _title(
        figure,
        f"One utterance of {results.settings['tokens']} tokens, text in to prediction out "
        "(bare encoders: tokens in, embedding out)",
    )


def _compared_in_batches(results: Results) -> list[str]:
    """The large model is left out: it is another encoder."""
    last = results.cases[-1]
    return [
        name
        for name in results.timed()
        if name != LARGE and all(results.to_bare(threads, name, last) for threads in results.threads)
    ]


def _batch(results: Results, figure: Figure) -> None:
    """Time of a batch as a multiple of the bare encoder's against the number of agents, a panel for each threads."""
    cases = [case for case in results.cases if case != "one"]
    counts = [int(case.removeprefix("batch-")) for case in cases]
    panels = figure.subplots(1, len(results.threads), sharey=True, squeeze=False)[0]
    for axes, threads in zip(panels, results.threads, strict=True):
        axes.axhline(1, color=DARK, linewidth=1)
        for case, wanted in BATCH_TO_BARE.items():
            where = int(case.removeprefix("batch-"))
            axes.plot([where / 1.35, where * 1.35], [wanted, wanted], color=DARK, linestyle=":", linewidth=1.4)
        for system in _compared_in_batches(results):
            found = [results.to_bare(threads, system, case) for case in cases]
            points = [(count, ratio) for count, ratio in zip(counts, found, strict=True) if ratio is not None]
            middle = [ratio["median"] for _, ratio in points]
            error = [
                [ratio["median"] - ratio["low"] for _, ratio in points],
                [ratio["high"] - ratio["median"] for _, ratio in points],
            ]
            look = LOOKS[system].of_line()
            axes.errorbar([count for count, _ in points], middle, yerr=error, linewidth=1.8, elinewidth=1, **look)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xticks(counts, [str(count) for count in counts])
        ticks = (0.9, 1, 1.2, 1.5, 2, 3, 4, 5, 6, 8, 10)
        axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
        axes.set_title(f"{threads} thread{'s' if threads > 1 else ''}")
        axes.set_xlabel("agents in the batch")
        axes.grid(color=GRID)
    panels[0].set_ylabel("times the bare encoder's time (log scale)")
    handles, labels = panels[0].get_legend_handles_labels()
    handles.append(panels[0].plot([], [], color=DARK, linestyle=":")[0])
    figure.legend(handles, [*labels, "our targets"], loc="outside right center")
    _title(figure, f"A batch of {results.settings['batch']} utterances of {results.settings['tokens']} tokens")


def _footprint(results: Results, figure: Figure) -> None:
    """Megabytes against the number of agents, both axes logarithmic; dotted: the paper's table 4."""
    axes = figure.add_subplot()
    for system, found in results.values["disk"].items():
        megabytes = [total / 1e6 for total in found["totals"].values()]
        axes.plot([int(count) for count in found["totals"]], megabytes, linewidth=1.8, **LOOKS[system].of_line())
    hollow: dict[str, Any] = {"color": GREY, "markerfacecolor": "white", "linestyle": ":"}
    for (label, totals), marker in zip(CHECKPOINT_MEGABYTES.items(), PAPER_MARKS, strict=True):
        axes.plot(list(totals), list(totals.values()), marker=marker, label=f"paper: {label}", **hollow)
    axes.set_xscale("log")
    axes.set_yscale("log")
    counts = [1, 10, 50, 100, 1000, 10000]
    axes.set_xticks(counts, [f"{count:,}" for count in counts])
    sizes = {10: "10 MB", 100: "100 MB", 1000: "1 GB", 10_000: "10 GB", 100_000: "100 GB", 1_000_000: "1 TB"}
    low, high = axes.get_ylim()
    shown = {size: name for size, name in sizes.items() if low <= size <= high}
    axes.set_yticks(list(shown), list(shown.values()))
    axes.minorticks_off()
    axes.grid(color=GRID)
    axes.set_xlabel("agents")
    axes.set_ylabel("on disk")
    axes.set_title(f"Base and agents of {results.settings['labels']} intents, from saved folders")
    figure.legend(loc="outside right center")


def _title(figure: Figure, words: str) -> None:
    figure.suptitle(words, fontsize=11, x=0.01, ha="left")
