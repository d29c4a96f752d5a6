"""Amounts of money."""

from __future__ import annotations

import re
from collections.abc import Iterator

from intent_adapters.entities.system.numerals import DIGITS, ENGLISH, MIXED, SINO, value_of, written
from intent_adapters.entities.words import ends_word

_SIGNS = {"₩": "KRW", "$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY"}
_CODES = ("krw", "usd", "eur", "gbp", "jpy", "cny")
_NAMES = {
    "KRW": "원|won",
    "USD": "달러|불|dollars?|bucks?",
    "EUR": "유로|euros?",
    "GBP": "파운드|pounds?",
    "JPY": "엔|yen",
    "CNY": "위안|yuan",
}
_NUMBER = f"(?:{MIXED}|{DIGITS}|{SINO}|{ENGLISH})"
_NAMED = "|".join(f"(?P<{code}>{names})" for code, names in _NAMES.items())
_BEHIND = re.compile(f"({_NUMBER}) ?(?:{_NAMED}|(?P<code>{'|'.join(_CODES)}))(?![a-z])")
_BEFORE = re.compile(f"(?P<sign>[{''.join(_SIGNS)}]|\\b(?:{'|'.join(_CODES)})) ?(?P<number>{MIXED}|{DIGITS})")


def find_amounts(text: str) -> Iterator[tuple[int, int, str]]:
    """Numbers with a currency, as `35000 KRW`."""
    for found in _BEHIND.finditer(text):
        if ends_word(text, found.end()):
            code = found["code"] or next(code for code in _NAMES if found[code])
            yield *found.span(), f"{written(value_of(found[1]))} {code.upper()}"
    for found in _BEFORE.finditer(text):
        code = _SIGNS.get(found["sign"], found["sign"]).upper()
        yield *found.span(), f"{written(value_of(found['number']))} {code}"
