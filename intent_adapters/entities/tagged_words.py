"""The words of an utterance as a tagger sees them, and what is known of each beside its state in the encoder."""

from __future__ import annotations

import hashlib
import unicodedata
import zlib
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from intent_adapters.data.annotations import EntityAnnotation
from intent_adapters.entities.normalised import NormalisedText, composed
from intent_adapters.entities.words import ends_word, script
from intent_adapters.prediction import PredictedEntity

_DIGITS = str.maketrans("123456789", "000000000")
_ZERO_WIDTH_JOINER = "\u200d"
# Kinds of characters: the first two are never parted from their like.
_SPACE, _FLAG, _LETTER, _DIGIT, _HANGUL, _SIGN, _MARK = range(7)
_OF_SCRIPT = {"letter": _LETTER, "digit": _DIGIT, "hangul": _HANGUL, "": _SIGN}
# The features of a word, by what of which words they depend on: 0 is the word, -1 the one before it. A feature's code
# is a sum of products with odd numbers, of which the upper half counts (multilinear hashing: Carter and Wegman, 1979).
_FEATURES = (
    *(((0, "word"),), ((0, "first"),), ((0, "first two"),), ((0, "first three"),)),
    *(((0, "last"),), ((0, "last two"),), ((0, "last three"),), ((0, "kind"),)),
    *(((-2, "shape"),), ((-1, "shape"),), ((0, "shape"),), ((1, "shape"),), ((2, "shape"),)),
    *(((-1, "shape"), (0, "shape")), ((0, "shape"), (1, "shape"))),
)
# And two and three letters before and behind it; and what definitions find.
_LETTERS = ("two before", "three before", "two behind", "three behind")
_HITS = ("from it on", "in it", "behind it", "before it")
_COUNT = len(_FEATURES) + len(_LETTERS) + len(_HITS)
_REACH = 2
_HALF = np.uint64(32)


@cache
def _odd(*parts: object) -> int:
    """An odd number of 64 bits, the same for ever and everywhere, since the weights of adapters rest on it."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "little") | 1


_OF_HITS = np.array([_odd(sort) for sort in _HITS], np.uint64)
# What a word gives to each feature of the words from two behind it to two before it; here of none.
_NONE = np.zeros((2 * _REACH + 1, _COUNT), np.uint64)


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
    for number in range(len(offsets) - 1, -1, -1):  # of several for one character, as for an emoji's bytes, the first
        start, end = max(offsets[number][0], 0), min(offsets[number][1], len(text))
        if start < end:
            piece[start:end] = [number] * (end - start)
    letters = normal.text
    if letters is not text:
        piece = [piece[end - 1] for end in normal.ends]
    kinds = list(map(_kind, letters))
    words, pieces = [], []
    start = 0
    for end in range(1, len(letters) + 1):
        if end < len(letters) and (
            _belongs(letters, end, kinds, piece) or normal.starts[end] == normal.starts[end - 1]
        ):
            continue
        if piece[end - 1] >= 0 and kinds[end - 1] != _SPACE:
            words.append((start, end))
            pieces.append(piece[end - 1])
        start = end
    return Words(normal, words, pieces)


def _belongs(text: str, place: int, kinds: list[int], piece: Sequence[int]) -> bool:
    """Whether a letter belongs to the one before it. Marks become of the kind of theirs."""
    before, kind = kinds[place - 1], kinds[place]
    if kind == _MARK and before != _SPACE:
        kinds[place] = before
        return True
    if before == kind:
        if kind <= _FLAG:
            return True
        if kind == _HANGUL:
            return piece[place - 1] == piece[place] and not ends_word(text, place)
        if kind != _SIGN and (piece[place - 1] < 0) == (piece[place] < 0):
            return True
    return kind != _SPACE and text[place - 1] == _ZERO_WIDTH_JOINER


@lru_cache(maxsize=4096)
def _kind(letter: str) -> int:
    if letter.isspace():
        return _SPACE
    if "\U0001f1e6" <= letter <= "\U0001f1ff":
        return _FLAG
    # Marks, joiners, and skin colours of emoji belong to what is before them.
    if unicodedata.category(letter) in ("Mn", "Mc", "Me", "Cf") or "\U0001f3fb" <= letter <= "\U0001f3ff":
        return _MARK
    return _OF_SCRIPT[script(letter)]


def is_sign(letter: str) -> bool:
    """Whether a character is punctuation, a symbol or white space."""
    return letter.isspace() or unicodedata.category(letter)[0] in "PS"


def features(words: Sequence[Words], found: Sequence[Sequence[PredictedEntity]], rows: int) -> NDArray[np.int64]:
    """What is known of words beside their states: spelling, neighbours, and what definitions find there.

    Args:
        words: Those of some utterances.
        found: What the agent's definitions find in each utterance.
        rows: Of the table of features.

    Returns:
        Rows of the table, (words of all utterances, features).
    """
    given, letters = [_NONE] * _REACH, []
    places: list[int] = []
    for utterance in words:
        text, before = utterance.text.text, -1
        lowered = text.lower() if len(text.lower()) == len(text) else text
        places += range(len(given) - _REACH, len(given) - _REACH + len(utterance.spans))
        for start, end in utterance.spans:
            given.append(_given(text[start:end], start != before))
            before = end
            letters.append(_before(lowered[max(start - 3, 0) : start]) + _behind(lowered[end : end + 3]))
        given += [_NONE] * _REACH
    parts = np.concatenate(given).reshape(len(given), *_NONE.shape)
    codes = parts[: len(given) - 2 * _REACH, 0]
    for place in range(1, 2 * _REACH + 1):
        codes = codes + parts[place : len(given) - 2 * _REACH + place, place]
    if len(words) > 1:
        codes = codes[places]
    codes[:, len(_FEATURES) : -len(_HITS)] += np.array(letters, np.uint64).reshape(-1, len(_LETTERS))
    if any(found):
        codes[:, -len(_HITS) :] += np.array(_hits(words, found), np.uint64).reshape(-1, len(_HITS)) * _OF_HITS
    return (((codes >> _HALF) * np.uint64(rows)) >> _HALF).view(np.int64)


@lru_cache(maxsize=4096)  # most words of utterances have been in others
def _given(letters: str, spaced: bool) -> NDArray[np.uint64]:
    """What a word, behind a space or not, gives to the codes of the features of it and its neighbours.

    Returns:
        (words from two behind it to two before it, features).
    """
    lowered, first = letters.lower(), letters[0]
    kind = 0 if first.isdigit() else 1 if first.isupper() else 2 if first.isalpha() else 3
    said = {
        "word": _code(lowered),
        "shape": _code(lowered.translate(_DIGITS)),
        "kind": 1 + 2 * kind + spaced,
    }
    for size, name in enumerate(("", " two", " three"), 1):
        said[f"first{name}"], said[f"last{name}"] = _code(lowered[:size]), _code(lowered[-size:])
    codes = [[0] * _COUNT for _ in _NONE]
    codes[_REACH] = [_odd(feature) for feature in range(_COUNT)]
    for feature, parts in enumerate(_FEATURES):
        for place, name in parts:
            codes[_REACH + place][feature] += said[name] * _odd(feature, place, name)
    return np.array([[code % 2**64 for code in own] for own in codes], np.uint64)


@lru_cache(maxsize=4096)
def _before(letters: str) -> tuple[int, int]:
    """The codes of the two and three letters before a word."""
    return _of_letters(0, letters[-2:]), _of_letters(1, letters)


@lru_cache(maxsize=4096)
def _behind(letters: str) -> tuple[int, int]:
    """The codes of the two and three letters behind a word."""
    return _of_letters(2, letters[:2]), _of_letters(3, letters)


def _of_letters(place: int, letters: str) -> int:
    return int(_code(letters) * _odd(_LETTERS[place]) % 2**64)


def _code(letters: str) -> int:
    return zlib.crc32(letters.encode("utf-8", "surrogatepass"))


def _hits(words: Sequence[Words], found: Sequence[Sequence[PredictedEntity]]) -> list[list[int]]:
    """For each word, which entity definitions find from it on, further on in it, behind it and before it."""
    codes: list[list[int]] = []
    for own, entities in zip(words, found, strict=True):
        hits = [[0, 0, 0, 0] for _ in own.spans]
        for entity in entities:
            code, inside = _code(entity.entity), own.within(entity)
            for row in inside:
                hits[row][row > inside[0]] = code
            if inside and inside[0] > 0:
                hits[inside[0] - 1][2] = code
            if inside and inside[-1] + 1 < len(hits):
                hits[inside[-1] + 1][3] = code
        codes += hits
    return codes
