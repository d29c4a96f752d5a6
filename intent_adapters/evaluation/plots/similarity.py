"""Which intents mean nearly the same to the agent."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.image import AxesImage
from numpy.typing import NDArray
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.preprocessing import normalize

from intent_adapters.errors import DataError
from intent_adapters.evaluation.plots.canvas import FAINT, Picture, new_picture
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

_COLOURS = LinearSegmentedColormap.from_list("similar", ["#FFFFFF", "#BFD9EA", "#4A97C9", "#08447A"])


def intent_similarity(
    embeddings: NDArray[np.floating], labels: Sequence[str]
) -> tuple[list[str], NDArray[np.float64]]:
    """Cosine between the mean embeddings of intents.

    Args:
        embeddings: (rows, dimensions) sentence embeddings.
        labels: (rows,) the intent of each.

    Returns:
        The intents in sorted order, and (intents, intents) cosines between -1 and 1.

    Raises:
        DataError: There are no rows, or the two do not fit together.
    """
    vectors = np.asarray(embeddings, dtype=np.float64)
    if vectors.ndim != 2 or not len(labels) or len(vectors) != len(labels):
        raise DataError(
            f"embeddings of the shape {vectors.shape} do not fit {len(labels)} labels; give (rows, dimensions)"
        )
    names, intent = np.unique(np.asarray(labels, dtype=object).astype(str), return_inverse=True)
    units = normalize(vectors)
    means = np.stack([units[intent == number].mean(axis=0) for number in range(len(names))])
    return names.tolist(), cosine_similarity(means)


def most_similar(names: Sequence[str], cosines: NDArray[np.floating], limit: int) -> list[str]:
    """The intents of the pairs with the highest cosine.

    Args:
        names: (intents,) their names.
        cosines: (intents, intents) as `intent_similarity` gives them.
        limit: How many intents at most.

    Returns:
        Whole pairs, most similar first.
    """
    rows, columns = np.triu_indices(len(names), 1)
    order = np.argsort(-cosines[rows, columns], kind="stable")
    return first_of_pairs(((names[rows[index]], names[columns[index]]) for index in order), limit)


def plot_similarity(embeddings: NDArray[np.floating], labels: Sequence[str]) -> Picture:
    """Cosine between the mean embeddings of all intents, similar ones side by side.

    Dark squares are intents that the encoder can hardly tell apart: add examples that show the difference, or make one
    intent of them. Up to 40 intents are all named; with more, the most similar ones are drawn again with their names.

    Args:
        embeddings: (rows, dimensions) sentence embeddings, such as `model.encode(texts, agents="clinic")`.
        labels: (rows,) the intent of each.

    Returns:
        The picture.

    Raises:
        DataError: There are no rows, or the two do not fit together.
    """
    names, cosines = intent_similarity(embeddings, labels)
    order = clustered_order(cosines)
    names, cosines = [names[index] for index in order], cosines[np.ix_(order, order)]
    # The diagonal is 1 and says nothing, and what is far apart need not be told apart: the colours are for the rest.
    rest = cosines[~np.eye(len(names), dtype=bool)]
    limits = (float(np.median(rest)), float(rest.max())) if len(rest) else (-1.0, 1.0)
    if len(names) <= NAMED_UP_TO:
        with new_picture(side(len(names)) + 0.8, side(len(names)), names) as picture:
            axes = picture.add_subplot()
            image = _draw(axes, cosines, limits)
            name_rows_and_columns(axes, names)
            axes.set_title("Similarity of intents (cosine of their mean embeddings)")
            picture.colorbar(image, ax=axes, shrink=0.6, pad=0.02)
        return picture
    chosen = set(most_similar(names, cosines, BLOCK))
    block = [index for index, name in enumerate(names) if name in chosen]
    height = side(len(block))
    with new_picture(2 * height - 0.8, height, names) as picture:
        overview, detail = picture.subplots(1, 2)
        image = _draw(overview, cosines, limits)
        overview.tick_params(length=0, labelleft=False, labelbottom=False)
        overview.set_title(f"Similarity of {len(names)} intents (cosine of their mean embeddings)")
        _draw(detail, cosines[np.ix_(block, block)], limits)
        name_rows_and_columns(detail, [names[index] for index in block])
        detail.set_title(f"The {len(block)} most similar")
        picture.colorbar(image, ax=[overview, detail], shrink=0.6, pad=0.02)
    return picture


def _draw(axes: Axes, cosines: NDArray[np.float64], limits: tuple[float, float]) -> AxesImage:
    hidden = np.ma.array(cosines, mask=np.eye(len(cosines), dtype=bool))
    axes.set_facecolor(FAINT)
    image = axes.imshow(hidden, cmap=_COLOURS, vmin=limits[0], vmax=limits[1])
    if len(cosines) > NAMED_UP_TO:
        return image
    grid_between_cells(axes, len(cosines))
    low, high = limits
    for row, column in zip(*np.nonzero(~np.eye(len(cosines), dtype=bool)), strict=True):
        strength = (cosines[row, column] - low) / max(high - low, 1e-12)
        if strength > 0.3:
            shown = f"{cosines[row, column]:.2f}".replace("0.", ".", 1)
            write_in_cell(axes, row, column, shown, dark=strength > 0.6)
    return image
