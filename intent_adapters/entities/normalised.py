"""Texts as they are compared, letter by letter with where each stands in the text as it was given."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# In other forms these are as they are, but for the case.
_PLAIN = re.compile("[ -~가-힣\u4e00-\u9fff]*")


@dataclass(frozen=True)
class NormalisedText:
    """A text in another form.

    Attributes:
        text: The text in this form.
        starts: (letters,) where the character, or the group that became the letter, starts in the text as given.
        ends: (letters,) where it ends there.
    """

    text: str
    starts: Sequence[int]
    ends: Sequence[int]

    def span(self, start: int, end: int) -> tuple[int, int] | None:
        """Where letters stand in the text as given; None where they begin or end inside of one of its characters."""
        if start > 0 and self.starts[start - 1] == self.starts[start]:
            return None
        if end < len(self.text) and self.ends[end - 1] == self.ends[end]:
            return None
        return self.starts[start], self.ends[end - 1]


def composed(text: str) -> NormalisedText:
    """The text in NFC: Hangul that a Mac took apart is syllables again."""
    if unicodedata.is_normalized("NFC", text):
        return _letter_by_letter(text)
    return _normalised((start, end, unicodedata.normalize("NFC", text[start:end])) for start, end in _groups(text))


def folded(text: str) -> NormalisedText:
    """The text without differences of case, width and composition; white space as one space."""
    if _PLAIN.fullmatch(text) and "  " not in text:
        return _letter_by_letter(text.lower())
    return _normalised((start, end, _folded_group(text[start:end])) for start, end in _groups(text))


def folded_word(text: str) -> str:
    """As `folded`, where nobody asks what stands where; without white space around."""
    return " ".join((text.lower() if _PLAIN.fullmatch(text) else folded(text).text).split())


def _letter_by_letter(text: str) -> NormalisedText:
    return NormalisedText(text, range(len(text)), range(1, len(text) + 1))


def _normalised(groups: Iterator[tuple[int, int, str]]) -> NormalisedText:
    letters: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for start, end, group in groups:
        letters.append(group)
        starts += [start] * len(group)
        ends += [end] * len(group)
    return NormalisedText("".join(letters), starts, ends)


def _groups(text: str) -> Iterator[tuple[int, int]]:
    """The characters, each with the marks and Hangul letters behind it that may become one with it; white space."""
    start = 0
    for end in range(1, len(text) + 1):
        if end == len(text) or not _belongs(text[end - 1], text[end]):
            yield start, end
            start = end


def _belongs(before: str, letter: str) -> bool:
    if letter < "\u0300":
        return before.isspace() and letter.isspace()
    if letter.isspace():
        return before.isspace()
    # Medial vowels and final consonants of Hangul.
    return "\u1160" <= letter <= "\u11ff" or unicodedata.category(letter) in ("Mn", "Mc")


def _folded_group(group: str) -> str:
    return " " if group.isspace() else unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", group).casefold())
