"""Tags of words: O, then B and I of each entity (Ramshaw and Marcus, 1995), and the best sequences of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

FORBIDDEN = np.float32(-1e4)
"""Score of a tag that may not stand there."""


def forbidden(tags: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What is added to the scores so that an I comes only behind the B or I of its entity.

    Args:
        tags: How many there are.

    Returns:
        Of each first tag (tags,), and of each tag behind another (tags, tags).
    """
    first = np.zeros(tags, np.float32)
    first[2::2] = FORBIDDEN
    behind = np.tile(first, (tags, 1))
    for inside in range(2, tags, 2):
        behind[[inside - 1, inside], inside] = 0
    return first, behind


def best_tags(
    scores: NDArray[np.float32], lengths: Sequence[int], first: NDArray[np.float32], behind: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The sequences of tags with the highest sums, and how sure each tag is.

    A tag is worth what the best of the sequences with it is worth (its max-marginal). So the best tag of each word is
    that of the best sequence, and one pass from both ends at once does what takes Viterbi's algorithm a way back.

    Args:
        scores: Of each tag of each word of all utterances, (words, tags).
        lengths: How many of the words belong to each utterance, 1 at least.
        first: What each tag adds at the beginning, (tags,).
        behind: What each tag adds behind another, (tags, tags).

    Returns:
        The tag of each word, and its share in the powers of e of what the tags of the word are worth.
    """
    sizes = np.array(lengths)
    row = np.repeat(np.arange(len(sizes)), sizes)
    place = np.arange(len(row)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    turned = sizes[row] - 1 - place
    best = np.zeros((sizes.max(), 2, len(sizes), len(first)), np.float32)
    best[place, 0, row] = best[turned, 1, row] = scores
    best[0, 0] += first
    passing = np.stack([behind, behind.T])[:, None]
    before = best[0]
    for here in best[1:]:
        here += (before[..., None] + passing).max(axis=-2)
        before = here
    worth = best[place, 0, row] + best[turned, 1, row] - scores
    tags = worth.argmax(axis=1)
    worth -= worth.max(axis=1, keepdims=True)
    return tags, 1 / np.exp(worth).sum(axis=1)


def spans(tags: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """First word, last word and number of each entity in a sequence of tags that may follow each other."""
    start = None
    for place, tag in enumerate([*tags, 0]):
        if start is not None and (tag == 0 or tag % 2 == 1):
            yield start, place - 1, (tags[start] - 1) // 2
            start = None
        if tag % 2 == 1:
            start = place
