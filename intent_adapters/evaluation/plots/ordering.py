"""Which intents to draw beside which, and which to draw at all."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

# The best order of the leaves takes cubic time: seconds beyond this many intents.
OPTIMAL_UP_TO = 300


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
