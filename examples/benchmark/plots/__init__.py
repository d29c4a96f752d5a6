"""Pictures of the benchmark's results. They need the extra `plots`: pip install 'intent-adapters[plots]'."""

from __future__ import annotations

from pathlib import Path

from examples.benchmark.plots.batch import plot_batch
from examples.benchmark.plots.footprint import plot_footprint
from examples.benchmark.plots.latency import plot_latency
from examples.benchmark.results import Results

PLOTS = {"latency": plot_latency, "batch": plot_batch, "footprint": plot_footprint}


def write_plots(results: Results, folder: str | Path) -> list[Path]:
    """Write every picture for which there are figures, as `NAME.png`.

    Args:
        results: Of one run.
        folder: Made if need be.

    Returns:
        The files.
    """
    pictures = {name: plot(results) for name, plot in PLOTS.items()}
    return [picture.write(Path(folder, f"{name}.png")) for name, picture in pictures.items() if picture is not None]


__all__ = ["PLOTS", "plot_batch", "plot_footprint", "plot_latency", "write_plots"]
