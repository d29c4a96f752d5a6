"""Where utterances lie, before and after the adapter."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from sklearn.manifold import TSNE
from sklearn.neighbors import NearestNeighbors

from intent_adapters.errors import DataError
from intent_adapters.evaluation.plots.canvas import (
    BLUE,
    FAINT,
    GREEN,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    Picture,
    named_legend,
    new_picture,
    shortened,
)
from intent_adapters.evaluation.plots.similarity import intent_similarity, most_similar

# Colour and shape both: neither alone tells eight intents apart for everybody.
MARKS = (
    (BLUE, "o"),
    (VERMILLION, "s"),
    (GREEN, "^"),
    (PURPLE, "D"),
    (ORANGE, "v"),
    (SKY, "P"),
    ("#000000", "X"),
    ("#7B5AA6", "<"),
)

# Fewer have no neighbourhoods.
MINIMUM_ROWS = 3


def plot_map(
    before: NDArray[np.floating],
    after: NDArray[np.floating],
    labels: Sequence[str],
    *,
    highlight: Sequence[str] | None = None,
    seed: int = 0,
) -> Picture:
    """Utterances in two dimensions (t-SNE; van der Maaten and Hinton, 2008), by the bare base and by the agent.

    t-SNE keeps neighbours together; distances between far groups mean nothing, and it makes groups look clearer than
    they are. So each side also says for how many utterances the nearest other utterance, in the full space, has the
    same intent.

    Args:
        before: (rows, dimensions) sentence embeddings of the base; at least 3 rows.
        after: (rows, dimensions) sentence embeddings of the agent for the same texts.
        labels: (rows,) the intent of each.
        highlight: Up to eight intents to colour, the others being grey. None: all of them if there are no more, else
            those that lie closest together after the adapter.
        seed: Of t-SNE.

    Returns:
        The picture.

    Raises:
        DataError: There are fewer than 3 rows, a number is not finite, or the arrays do not fit together.
    """
    if len(labels) < MINIMUM_ROWS or len(before) != len(labels) or len(after) != len(labels):
        raise DataError(
            f"{len(before)} and {len(after)} embeddings for {len(labels)} labels; give as many of each, at least "
            f"{MINIMUM_ROWS}"
        )
    if not (np.isfinite(before).all() and np.isfinite(after).all()):
        raise DataError("an embedding holds a number that is not finite; encode the texts again")
    if highlight is None:
        intents = sorted(set(labels))
        few = len(intents) <= len(MARKS)
        highlight = intents if few else most_similar(*intent_similarity(after, labels), limit=len(MARKS))
    shown = list(dict.fromkeys(highlight))[: len(MARKS)]
    places = [_project(vectors, seed) for vectors in (before, after)]
    places[1] = _turned_towards(places[0], places[1])
    names = np.asarray(labels, dtype=object)
    with new_picture(11, 6.2, shown) as picture:
        left, right = picture.subplots(1, 2)
        handles = _draw(left, places[0], names, shown)
        _draw(right, places[1], names, shown)
        for axes, title, vectors in ((left, "the bare base", before), (right, "with the adapter", after)):
            axes.set_title(
                f"{title}: nearest neighbour of the same intent for {100 * _agreement(vectors, names):.0f} %"
            )
        others = len(set(labels)) - len(shown)
        texts = [shortened(name) for name in shown] + ([f"{others} other intents"] if others > 0 else [])
        named_legend(picture, handles[: len(texts)], texts, loc="outside lower center", ncols=3)
    return picture


def _project(vectors: NDArray[np.floating], seed: int) -> NDArray[np.float64]:
    """(rows, 2) the map, begun from the two principal components."""
    # Without the noise, texts that are all alike would make scikit-learn's t-SNE crash the process.
    noisy = np.asarray(vectors) + 1e-6 * np.random.default_rng(seed).normal(size=np.shape(vectors))
    tsne = TSNE(perplexity=min(30.0, (len(noisy) - 1) / 3), init="pca", metric="cosine", random_state=seed)
    places: NDArray[np.float64] = tsne.fit_transform(noisy).astype(np.float64)
    return places


def _turned_towards(target: NDArray[np.float64], places: NDArray[np.float64]) -> NDArray[np.float64]:
    """The second map turned and mirrored so that utterances lie where they lay in the first, as far as they can."""
    target, places = target - target.mean(axis=0), places - places.mean(axis=0)
    left, _, right = np.linalg.svd(places.T @ target)
    return places @ (left @ right)


def _agreement(vectors: NDArray[np.floating], names: NDArray[np.object_]) -> float:
    """Share of rows whose nearest other row has the same intent."""
    neighbours = NearestNeighbors(n_neighbors=2, metric="cosine").fit(vectors)
    nearest = neighbours.kneighbors(vectors, return_distance=False)
    rows = np.arange(len(names))
    # Of two equal texts either may be named as its own neighbour.
    other = np.where(nearest[:, 0] == rows, nearest[:, 1], nearest[:, 0])
    return float((names[other] == names).mean())


def _draw(axes: Axes, places: NDArray[np.float64], names: NDArray[np.object_], shown: list[str]) -> list[object]:
    rest = ~np.isin(names.astype(str), shown)
    x, y = places.T
    grey = axes.scatter(x[rest], y[rest], c=FAINT, s=14, linewidths=0)
    handles: list[object] = []
    for name, (colour, marker) in zip(shown, MARKS, strict=False):
        rows = names == name
        handles.append(
            axes.scatter(x[rows], y[rows], c=colour, marker=marker, s=34, linewidths=0.4, edgecolors="white")
        )
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_color("#CCCCCC")
    return [*handles, grey]
