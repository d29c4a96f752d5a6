"""Numbers: in digits, in words, with Korean units."""

from __future__ import annotations

import re
from collections.abc import Iterator

from intent_adapters.entities.system.numerals import (
    BEFORE_COUNTERS,
    COUNTERS,
    DIGITS,
    ENGLISH,
    MIXED,
    NATIVE,
    SINO,
    value_of,
    written,
)
from intent_adapters.entities.words import ends_word

_NUMBER = re.compile(f"{MIXED}|{DIGITS}|{NATIVE}|{SINO}|{ENGLISH}")
# What is part of a date, a time or an ordinal.
_NOT_ALONE = re.compile(" ?(?:년|월|일|시|분|초)(?!간|분)|(?:st|nd|rd|th)\\b")
_COUNTED = re.compile(f" ?(?:{COUNTERS})")


def find_numbers(text: str) -> Iterator[tuple[int, int, str]]:
    """Numbers that are no part of a date or a time. Korean words that can be others stand before what they count."""
    for found in _NUMBER.finditer(text):
        words, end = found[0], found.end()
        counted = _COUNTED.match(text, end)
        if _NOT_ALONE.match(text, end) and not counted:
            continue
        if re.fullmatch("[가-힣]+", words):
            needs_counter = words.endswith(BEFORE_COUNTERS) or re.fullmatch(SINO, words)
            if not counted and (needs_counter or not ends_word(text, end)):
                continue
        yield found.start(), end, written(value_of(words))
