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
    own, passing = scores.astype(np.float64), behind.astype(np.float64)
    forward, backward = np.empty_like(own), np.zeros_like(own)
    forward[0] = own[0] + first
    for word in range(1, len(own)):
        forward[word] = _log_sum(forward[word - 1][:, None] + passing, 0) + own[word]
    for word in range(len(own) - 2, -1, -1):
        backward[word] = _log_sum(passing + backward[word + 1] + own[word + 1], 1)
    both = forward + backward
    powers = np.exp(both - both.max(axis=1, keepdims=True))
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)


def _log_sum(values: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    highest = values.max(axis=axis, keepdims=True)
    found: NDArray[np.float64] = np.log(np.exp(values - highest).sum(axis=axis)) + highest.squeeze(axis)
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
