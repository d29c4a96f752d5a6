"""Drawing a square table of intents so that it can be read: which beside which, and of many which at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from intent_adapters.evaluation.plots.canvas import DARK, shortened

# With more intents than this, names beside the rows would be too small to read.
NAMED_UP_TO = 40
# As many intents as a part of a larger table shows.
BLOCK = 24
CELL = 0.32
# The best order of the leaves takes cubic time: seconds beyond this many intents.
OPTIMAL_UP_TO = 300


def side(intents: int) -> float:
    """Inches that a named matrix takes in each direction, names included."""
    return max(CELL * intents, 2.0) + 2.6


def name_rows_and_columns(axes: Axes, names: Sequence[str]) -> None:
    """Write the intents beside the rows and below the columns."""
    shown = [shortened(name) for name in names]
    axes.set_xticks(range(len(names)), shown, rotation=90, fontsize=8)
    axes.set_yticks(range(len(names)), shown, fontsize=8)
    axes.tick_params(length=0)
    for position in ("left", "bottom", "top", "right"):
        axes.spines[position].set_visible(False)


def grid_between_cells(axes: Axes, cells: int) -> None:
    """Thin white lines between the cells."""
    edges = [edge - 0.5 for edge in range(1, cells)]
    axes.hlines(edges, -0.5, cells - 0.5, colors="white", linewidth=0.6)
    axes.vlines(edges, -0.5, cells - 0.5, colors="white", linewidth=0.6)


def write_in_cell(axes: Axes, row: int, column: int, shown: str, *, dark: bool) -> None:
    """Write into a cell, in white where the cell is dark."""
    axes.text(column, row, shown, ha="center", va="center", fontsize=7.5, color="white" if dark else DARK)


def clustered_order(similarity: NDArray[np.floating]) -> NDArray[np.int64]:
    """An order (things,) in which similar things are neighbours: the leaves of an average-linkage tree.

    Of the symmetric `similarity` (things, things) only the order matters.
    """
    things = len(similarity)
    if things < 3:
        return np.arange(things)
    distance = np.asarray(similarity, dtype=np.float64).max() - similarity
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(distance, checks=False), "average", optimal_ordering=things <= OPTIMAL_UP_TO)
    order: NDArray[np.int64] = leaves_list(tree).astype(np.int64)
    return order


def first_of_pairs(pairs: Iterable[tuple[str, str]], limit: int) -> list[str]:
    """The things in the first of some pairs, the most important first: whole pairs, as long as they are so few."""
    chosen: dict[str, None] = {}
    for pair in pairs:
        grown = {**chosen, **dict.fromkeys(pair)}
        if len(grown) > limit:
            break
        chosen = grown
    return list(chosen)
