"""A batch: what it costs to serve many agents at once, against the bare encoder."""

from __future__ import annotations

from examples.benchmark.plots.look import LOOKS
from examples.benchmark.results import LARGE, Results
from examples.benchmark.targets import BATCH_TO_BARE
from intent_adapters.evaluation.plots.canvas import DARK, Picture, new_picture


def plot_batch(results: Results) -> Picture | None:
    """Time of a batch as a multiple of the bare encoder's against the number of agents in the batch.

    The large model is left out: it is another encoder.

    Args:
        results: Of one run.

    Returns:
        The picture, a panel for each number of threads; None if there is nothing to compare with.
    """
    cases = [case for case in results.cases if case != "one"]
    counts = [int(case.removeprefix("batch-")) for case in cases]
    systems = [
        name
        for name in results.timed()
        if name != LARGE and all(results.to_bare(threads, name, cases[-1]) for threads in results.threads)
    ]
    if not systems:
        return None
    with new_picture(4.2 * len(results.threads) + 2.6, 4.6) as picture:
        panels = picture.subplots(1, len(results.threads), sharey=True, squeeze=False)[0]
        for axes, threads in zip(panels, results.threads, strict=True):
            axes.axhline(1, color=DARK, linewidth=1)
            for case, wanted in BATCH_TO_BARE.items():
                where = int(case.removeprefix("batch-"))
                axes.plot([where / 1.35, where * 1.35], [wanted, wanted], color=DARK, linestyle=":", linewidth=1.4)
            for system in systems:
                found = [results.to_bare(threads, system, case) for case in cases]
                points = [(count, ratio) for count, ratio in zip(counts, found, strict=True) if ratio is not None]
                middle = [ratio["median"] for _, ratio in points]
                error = [
                    [ratio["median"] - ratio["low"] for _, ratio in points],
                    [ratio["high"] - ratio["median"] for _, ratio in points],
                ]
                look = LOOKS[system]
                axes.errorbar(
                    [count for count, _ in points],
                    middle,
                    yerr=error,
                    color=look.colour,
                    marker=look.marker,
                    linestyle=look.line,
                    label=look.label,
                    linewidth=1.8,
                    elinewidth=1,
                )
            axes.set_xscale("log")
            axes.set_yscale("log")
            axes.set_xticks(counts, [str(count) for count in counts])
            ticks = (0.9, 1, 1.2, 1.5, 2, 3, 4, 5, 6, 8, 10)
            axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
            axes.minorticks_off()
            axes.set_title(f"{threads} thread{'s' if threads > 1 else ''}")
            axes.set_xlabel("agents in the batch")
            axes.grid(color="#EEEEEE")
        panels[0].set_ylabel("times the bare encoder's time (log scale)")
        handles, labels = panels[0].get_legend_handles_labels()
        handles.append(panels[0].plot([], [], color=DARK, linestyle=":")[0])
        picture.legend(handles, [*labels, "our targets"], loc="outside right center")
        picture.suptitle(
            f"A batch of {results.settings['batch']} utterances of {results.settings['tokens']} tokens",
            fontsize=11,
            x=0.01,
            ha="left",
        )
    return picture
