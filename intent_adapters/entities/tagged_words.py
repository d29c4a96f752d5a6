"""The words of an utterance as a tagger sees them, and what is known of each beside its state in the encoder."""

from __future__ import annotations

import itertools
import unicodedata
import zlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from intent_adapters.data.annotations import EntityAnnotation
from intent_adapters.entities.normalised import NormalisedText, composed
from intent_adapters.entities.words import ends_word, script
from intent_adapters.prediction import PredictedEntity

# Knuth's multiplicative hashing: CRCs of words of one length that differ in the prefix alone differ by a constant.
_MULTIPLIER = np.uint64(2654435761)
_BITS = np.uint64(0xFFFFFFFF)
_DIGITS = str.maketrans("123456789", "000000000")
_ZERO_WIDTH_JOINER = "\u200d"


class Words(NamedTuple):
    """The words of one utterance.

    Attributes:
        text: The utterance in NFC.
        spans: Where each word starts and ends in it.
        pieces: For each word, the last of the tokenizer's pieces that it has a share of.
    """

    text: NormalisedText
    spans: list[tuple[int, int]]
    pieces: list[int]

    @property
    def places(self) -> list[tuple[int, int]]:
        """Where each word starts and ends in the utterance as it was given."""
        return [(self.text.starts[start], self.text.ends[end - 1]) for start, end in self.spans]

    def within(self, entity: EntityAnnotation | PredictedEntity) -> list[int]:
        """The words that share a character with an entity."""
        return [word for word, (start, end) in enumerate(self.places) if start < entity.end and end > entity.start]

    def span(self, first: int, last: int, *, starts: str, ends: str) -> tuple[int, int] | None:
        """Where a sequence of words stands in the utterance as it was given, less signs that do not belong to it.

        Args:
            first: The first word.
            last: The last word.
            starts: Signs that may stand at the beginning.
            ends: Signs that may stand at the end.
        """
        letters = self.text.text
        start, end = self.spans[first][0], self.spans[last][1]
        while start < end and is_sign(letters[end - 1]) and letters[end - 1] not in ends:
            end -= 1
        while start < end and is_sign(letters[start]) and letters[start] not in starts:
            start += 1
        return (self.text.starts[start], self.text.ends[end - 1]) if start < end else None


def words_of(text: str, offsets: Sequence[tuple[int, int]]) -> Words:
    """The words, none longer than an entity may be: of 서울에서 it is 서울 and 에서, of 7pm 7 and pm.

    In Hangul words end at the tokenizer's pieces, too; elsewhere a piece does not end a word.

    Args:
        text: The utterance.
        offsets: Where each of the tokenizer's pieces starts and ends in it; equal for those that stand for nothing.
    """
    normal = composed(text)
    piece = [-1] * len(text)
    for number, (start, end) in enumerate(offsets):
        for place in range(max(start, 0), min(end, len(text))):
            if piece[place] < 0:
                piece[place] = number
    letters = normal.text
    if letters is not text:
        piece = [piece[end - 1] for end in normal.ends]
    words, pieces = [], []
    start = 0
    for end in range(1, len(letters) + 1):
        inside = end < len(letters) and normal.starts[end] == normal.starts[end - 1]  # of a character as it was given
        if inside or (end < len(letters) and not _parts(letters, end, piece)):
            continue
        if piece[end - 1] >= 0 and not letters[start:end].isspace():
            words.append((start, end))
            pieces.append(piece[end - 1])
        start = end
    return Words(normal, words, pieces)


def _parts(text: str, place: int, piece: Sequence[int]) -> bool:
    """Whether a word ends, or white space ends, before a letter."""
    before, letter = text[place - 1], text[place]
    if before.isspace() or letter.isspace():
        return not (before.isspace() and letter.isspace())
    if before == _ZERO_WIDTH_JOINER or _continues(letter) or (_is_of_flag(before) and _is_of_flag(letter)):
        return False
    if (piece[place - 1] < 0) != (piece[place] < 0):
        return True
    one, other = script(before), script(letter)
    if one == "" or other == "":
        return True
    if "hangul" not in (one, other):
        return one != other
    return piece[place - 1] != piece[place] or ends_word(text, place)


def _continues(letter: str) -> bool:
    """Whether a character belongs to the one before it: marks, joiners, and skin colours of emoji."""
    return letter > "\u02ff" and (
        unicodedata.category(letter) in ("Mn", "Mc", "Me", "Cf") or "\U0001f3fb" <= letter <= "\U0001f3ff"
    )


def _is_of_flag(letter: str) -> bool:
    return "\U0001f1e6" <= letter <= "\U0001f1ff"


def is_sign(letter: str) -> bool:
    """Whether a character is punctuation, a symbol or white space."""
    return letter.isspace() or unicodedata.category(letter)[0] in "PS"


def features(words: Words, found: Sequence[PredictedEntity], rows: int) -> list[NDArray[np.int64]]:
    """The features of each word: spelling, neighbours, and what definitions find there.

    Args:
        words: The words.
        found: What the agent's definitions find in the utterance.
        rows: Of the table of features.

    Returns:
        For each word, rows of the table.
    """
    text = words.text.text
    lowered = text.lower() if len(text.lower()) == len(text) else text
    known = [_of_word(lowered[start:end]) for start, end in words.spans]
    around = [b"\0", b"\0", *(shape for shape, _ in known), b"\0", b"\0"]
    hits = _hits(words, found)
    crc = zlib.crc32
    codes: list[list[int]] = []
    for number, (start, end) in enumerate(words.spans):
        shape, own = known[number]
        codes.append(
            [
                *own,
                *(crc(around[number + place], place) for place in range(5)),
                crc(shape, crc(around[number + 1], 6)),
                crc(around[number + 3], crc(shape, 7)),
                crc(_bytes(lowered[max(start - 2, 0) : start]), 14),
                crc(_bytes(lowered[max(start - 3, 0) : start]), 15),
                crc(_bytes(lowered[end : end + 2]), 16),
                crc(_bytes(lowered[end : end + 3]), 17),
                crc(_kind(text[start], start == 0 or text[start - 1].isspace()), 18),
                *hits[number],
            ]
        )
    flat = np.fromiter(itertools.chain.from_iterable(codes), np.uint64)
    hashed = (((flat * _MULTIPLIER) & _BITS) * np.uint64(rows) >> np.uint64(32)).astype(np.int64)
    return np.split(hashed, np.cumsum([len(own) for own in codes])[:-1]) if codes else []


@lru_cache(maxsize=4096)  # most words of utterances have been in others
def _of_word(letters: str) -> tuple[bytes, list[int]]:
    """A word with all digits alike, and the codes of what it is by itself: its spelling, beginnings and endings."""
    codes = [zlib.crc32(_bytes(letters), 5)]
    for size in (1, 2, 3):
        codes += [zlib.crc32(_bytes(letters[:size]), 7 + size), zlib.crc32(_bytes(letters[-size:]), 10 + size)]
    return _bytes(letters.translate(_DIGITS)), codes


def _bytes(letters: str) -> bytes:
    return letters.encode("utf-8", "surrogatepass")


def _kind(letter: str, first: bool) -> bytes:
    kind = "0" if letter.isdigit() else "A" if letter.isupper() else "a" if letter.isalpha() else "."
    return f"{kind}{first}".encode()


def _hits(words: Words, found: Sequence[PredictedEntity]) -> list[list[int]]:
    """For each word, which entities definitions find there, before it and behind it."""
    codes: list[list[int]] = [[] for _ in words.spans]
    for entity in found:
        for word, salt in _around(words.within(entity), len(codes)):
            codes[word].append(zlib.crc32(_bytes(entity.entity), salt))
    return codes


def _around(inside: Sequence[int], count: int) -> Iterator[tuple[int, int]]:
    if not inside:
        return
    yield inside[0], 20
    yield from ((row, 21) for row in inside[1:])
    if inside[0] > 0:
        yield inside[0] - 1, 22
    if inside[-1] + 1 < count:
        yield inside[-1] + 1, 23
