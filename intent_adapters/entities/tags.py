"""Tags of words: O, then B and I of each entity (Ramshaw and Marcus, 1995), and the best sequences of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

FORBIDDEN = np.float32(-1e4)
"""Score of a tag that may not stand there."""
LARGEST_DIFFERENCE = 230.0
"""Scores that are further below the highest count as so far below it where probabilities are computed."""


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
) -> list[list[int]]:
    """The sequences of tags with the highest sums (Viterbi).

    Args:
        scores: Of each tag of each word; of short utterances the last ones do not count: (utterances, words, tags).
        lengths: How many words each utterance has, 1 at least.
        first: What each tag adds at the beginning, (tags,).
        behind: What each tag adds behind another, (tags, tags).

    Returns:
        For each utterance, the tag of each word.
    """
    reached = scores[:, 0] + first
    ends, origins = [reached], []
    for word in range(1, scores.shape[1]):
        sums = reached[:, :, None] + behind
        origins.append(sums.argmax(axis=1))
        reached = np.maximum.reduce(sums, axis=1) + scores[:, word]
        ends.append(reached)
    found = []
    for row, length in enumerate(lengths):
        tags = [int(ends[length - 1][row].argmax())]
        for origin in reversed(origins[: length - 1]):
            tags.append(int(origin[row, tags[-1]]))
        found.append(tags[::-1])
    return found


def probabilities(
    scores: NDArray[np.float32], first: NDArray[np.float32], behind: NDArray[np.float32]
) -> NDArray[np.float32]:
    """How probable each tag of each word is, whatever the others are (forward and backward sums).

    Args:
        scores: Of the words of one utterance, (words, tags).
        first: What each tag adds at the beginning, (tags,).
        behind: What each tag adds behind another, (tags, tags).

    Returns:
        (words, tags); the sum over the tags is 1.
    """
    local, passing = _powers(scores, 1), _powers(behind, None)
    forward, backward = np.empty_like(local), np.ones_like(local)
    reached = _powers(scores[0] + first, None)
    forward[0] = reached / reached.sum()
    for word in range(1, len(local)):
        reached = (forward[word - 1] @ passing) * local[word]
        forward[word] = reached / reached.sum()
    for word in range(len(local) - 2, -1, -1):
        reached = passing @ (backward[word + 1] * local[word + 1])
        backward[word] = reached / reached.sum()
    both = forward * backward
    return (both / both.sum(axis=1, keepdims=True)).astype(np.float32)


def _powers(scores: NDArray[np.float32], axis: int | None) -> NDArray[np.float64]:
    """Powers of e, the highest 1; never 0, so that nothing is divided by it."""
    found: NDArray[np.float64] = np.exp(
        np.maximum(scores - scores.max(axis=axis, keepdims=True), -LARGEST_DIFFERENCE, dtype=np.float64)
    )
    return found


def spans(tags: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """First word, last word and number of each entity in a sequence of tags that may follow each other."""
    start = None
    for place, tag in enumerate([*tags, 0]):
        if start is not None and (tag == 0 or tag % 2 == 1):
            yield start, place - 1, (tags[start] - 1) // 2
            start = None
        if tag % 2 == 1:
            start = place
