"""Which intents are taken for which."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from numpy.typing import NDArray

from intent_adapters.evaluation.classification import ClassificationScores
from intent_adapters.evaluation.plots.canvas import BLUE, GRID, VERMILLION, Picture, named_legend, new_picture
from intent_adapters.evaluation.plots.matrix import (
    BLOCK,
    NAMED_UP_TO,
    clustered_order,
    first_of_pairs,
    grid_between_cells,
    name_rows_and_columns,
    side,
    write_in_cell,
)

_RIGHT = LinearSegmentedColormap.from_list("right", ["#F4F8FB", "#9CC7E2", BLUE])
_WRONG = LinearSegmentedColormap.from_list("wrong", ["#FDF3EC", "#F2B48A", VERMILLION])


def plot_confusion(scores: ClassificationScores) -> Picture:
    """Confusion matrix: a row for what users meant, a column for what the agent said, utterances counted in the cells.

    Blue is right, orange is wrong, and the darker the larger the share of the row. Intents that are confused stand
    beside each other. Up to 40 intents are all named; with more, the whole matrix shows each confusion as a dot, and
    beside it stand the intents that are confused most, with their names.

    Args:
        scores: What `evaluate` or `score_labels` gave.

    Returns:
        The picture.
    """
    names = sorted(intent.label for intent in scores.intents)
    counts = _counts(scores, names)
    order = clustered_order(np.log1p(counts + counts.T))
    names, counts = [names[index] for index in order], counts[np.ix_(order, order)]
    if len(names) <= NAMED_UP_TO:
        with new_picture(side(len(names)), side(len(names)), names) as picture:
            axes = picture.add_subplot()
            draw_cells(axes, counts, names, counts.sum(axis=1))
            axes.set_title(_headline(scores))
        return picture
    chosen = set(most_confused(scores, BLOCK))
    block = [index for index, name in enumerate(names) if name in chosen]
    height = side(max(len(block), 16))
    with new_picture(2 * height - 1.6, height, names) as picture:
        overview, detail = picture.subplots(1, 2)
        _draw_dots(overview, counts, set(block))
        overview.set_title(_headline(scores))
        if block:
            part = counts[np.ix_(block, block)]
            draw_cells(detail, part, [names[index] for index in block], counts[block].sum(axis=1))
            detail.set_title(f"The {len(block)} intents confused most often")
        else:
            detail.set_axis_off()
    return picture


def most_confused(scores: ClassificationScores, limit: int) -> list[str]:
    """The intents of the pairs that are confused most often.

    Args:
        scores: What `evaluate` or `score_labels` gave.
        limit: How many intents at most.

    Returns:
        Whole pairs, most confused first; fewer than `limit` where there are fewer confusions.
    """
    return first_of_pairs(((pair.label, pair.predicted) for pair in scores.confusions), limit)


def _counts(scores: ClassificationScores, names: list[str]) -> NDArray[np.float64]:
    """(intents, intents) utterances by what they meant and what was said."""
    row = {name: index for index, name in enumerate(names)}
    counts = np.zeros((len(names), len(names)))
    for pair in scores.confusions:
        counts[row[pair.label], row[pair.predicted]] = pair.count
    wrong = counts.sum(axis=1)
    for intent in scores.intents:
        counts[row[intent.label], row[intent.label]] = intent.support - wrong[row[intent.label]]
    return counts


def _headline(scores: ClassificationScores) -> str:
    wrong = sum(pair.count for pair in scores.confusions)
    return f"{100 * scores.accuracy:.1f} % right: {wrong} of {scores.rows} utterances taken for another intent"


def draw_cells(axes: Axes, counts: NDArray[np.float64], names: list[str], totals: NDArray[np.float64]) -> None:
    """Draw a table of counts, meant by said; the darker, the larger the share of the row's total."""
    shares = counts / np.maximum(totals, 1)[:, None]
    diagonal = np.eye(len(names), dtype=bool)
    for colours, cells in ((_RIGHT, diagonal), (_WRONG, ~diagonal & (counts > 0))):
        axes.imshow(np.ma.array(shares, mask=~cells), cmap=colours, vmin=0, vmax=1 if cells is diagonal else 0.5)
    grid_between_cells(axes, len(names))
    for row, column in zip(*np.nonzero(counts), strict=True):
        dark = shares[row, column] > (0.6 if row == column else 0.3)
        write_in_cell(axes, row, column, f"{counts[row, column]:.0f}", dark=dark)
    name_rows_and_columns(axes, names)
    axes.set_facecolor("#FAFAFA")
    axes.set_ylabel("meant")
    axes.set_xlabel("said")


def _draw_dots(axes: Axes, counts: NDArray[np.float64], block: set[int]) -> None:
    recall = np.diag(counts) / np.maximum(counts.sum(axis=1), 1)
    places = np.arange(len(counts))
    axes.scatter(places, places, c=recall, cmap=_RIGHT, vmin=0, vmax=1, marker="s", s=9, linewidths=0)
    wrong = counts - np.diag(np.diag(counts))
    rows, columns = np.nonzero(wrong)
    most = wrong.max(initial=1)
    area = 90.0 / most
    named = np.array([row in block and column in block for row, column in zip(rows, columns, strict=True)], dtype=bool)
    for cells, alpha in ((~named, 0.45), (named, 0.9)):
        sizes = area * wrong[rows[cells], columns[cells]]
        axes.scatter(columns[cells], rows[cells], s=sizes, c=VERMILLION, alpha=alpha, linewidths=0)
    axes.set_xlim(-1, len(counts))
    axes.set_ylim(len(counts), -1)
    axes.set_aspect("equal")
    axes.grid(color=GRID, linewidth=0.6)
    axes.tick_params(length=0, labelleft=False, labelbottom=False)
    axes.set_ylabel(f"meant: {len(counts)} intents, confused ones side by side")
    axes.set_xlabel("said")
    shown = sorted({1, max(1, round(most / 2)), int(most)})
    handles = [axes.scatter([], [], s=area * count, c=VERMILLION, linewidths=0) for count in shown]
    texts = [f"{count} utterance{'s' if count > 1 else ''}" for count in shown]
    named_legend(axes, handles, texts, loc="upper right", title="taken for another")
