"""Numbers in digits and in words, in Korean and English: what they look like, and what they are."""

from __future__ import annotations

import re


def _by_place(words: str, unit: int = 1, first: int = 1) -> dict[str, int]:
    return {word: unit * place for place, word in enumerate(words.split(), start=first)}


_START = "(?<![0-9a-z_])(?<![0-9][.,:/-])"
# Longer ones name things rather than count them.
_PLAIN = r"(?:[0-9]{1,3}(?:,[0-9]{3}){1,4}+|[0-9]{1,15}+)(?:\.[0-9]{1,15}+)?"
DIGITS = rf"{_START}{_PLAIN}(?![.,:/-]?[0-9])"
_UNIT = "(?:[십백천]?[만억조]|[십백천])"
# 3만 5천, 1억2000
MIXED = rf"{_START}{_PLAIN} ?{_UNIT}(?: ?{_PLAIN} ?{_UNIT}|{_PLAIN})*+"
# Sino-Korean, with a unit: 삼백이십, 만
SINO = "(?<![가-힣])[일이삼사오육륙칠팔구십백천만억조]*[십백천만억조][일이삼사오육륙칠팔구]?"
_TENS = _by_place("열 스물 서른 마흔 쉰 예순 일흔 여든 아흔", unit=10)
_SHORT = dict(zip("한두세네", range(1, 5), strict=True))
_ONES = {**_by_place("하나 둘 셋 넷 다섯 여섯 일곱 여덟 아홉"), **_SHORT}
NATIVE = f"(?<![가-힣])(?:스무|(?:{'|'.join(_TENS)})(?:{'|'.join(_ONES)})?|{'|'.join(_ONES)})"
# How a number ends that only stands before what it counts.
BEFORE_COUNTERS = (*_SHORT, "스무")
COUNTERS = "명|분|개|번(?!째)|살|잔|장|대|권|마리|박|인|곳|가지|시간|병|켤레|사람|달|주|회|층|호"

_TEENS = "eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_ENGLISH_ONES = {"zero": 0, **_by_place(f"one two three four five six seven eight nine ten {_TEENS}")}
_ENGLISH_TENS = _by_place("twenty thirty forty fifty sixty seventy eighty ninety", unit=10, first=2)
_ENGLISH_UNITS = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}
_ONE = "|".join(sorted(_ENGLISH_ONES, key=len, reverse=True))
_BELOW_100 = rf"(?:(?:{'|'.join(_ENGLISH_TENS)})(?:[- ](?:{_ONE}))?|{_ONE})"
_BELOW_1000 = rf"(?:(?:{_BELOW_100}|a) hundred(?:(?: and)? {_BELOW_100})?|{_BELOW_100})"
# Of "this one", one is no number.
_NOT_AFTER = "".join(f"(?<!\\b{word} )" for word in ("this", "that", "the", "which", "other", "any", "no"))
ENGLISH = (
    rf"\b(?:{_NOT_AFTER}|(?!one\b))(?:{_BELOW_1000}|a(?= thousand| million| billion))"
    rf"(?: (?:thousand|million|billion)(?:(?: and)? {_BELOW_1000})?)*\b"
)

_KOREAN_DIGITS = {**_by_place("일 이 삼 사 오 육 칠 팔 구"), "륙": 6}
_SMALL = {"십": 10, "백": 100, "천": 1000}
_LARGE = {"만": 10**4, "억": 10**8, "조": 10**12}


def value_of(words: str) -> float:
    """What a number is that one of these expressions matches."""
    if re.search("[a-z]", words):
        return _english(words)
    if words == "스무":
        return 20
    for tens, number in _TENS.items():
        if words.startswith(tens):
            return number + _ONES.get(words.removeprefix(tens), 0)
    return _ONES[words] if words in _ONES else _sino(words)


def written(number: float) -> str:
    """A number as programs write it: without a fraction where there is none."""
    return str(int(number)) if number == int(number) else repr(number)


def _sino(words: str) -> float:
    total = section = 0.0
    number: float | None = None
    for part in re.findall(r"[0-9]+(?:\.[0-9]+)?|[가-힣]", words.replace(",", "")):
        if part in _LARGE:
            counted = section + (number or 0)
            total += (counted or 1) * _LARGE[part]
            section, number = 0.0, None
        elif part in _SMALL:
            section += (1 if number is None else number) * _SMALL[part]
            number = None
        else:
            number = float(_KOREAN_DIGITS.get(part, part))
    return total + section + (number or 0)


def _english(words: str) -> float:
    total = section = 0.0
    for word in re.findall("[a-z]+", words):
        if word == "hundred":
            section = (section or 1) * 100
        elif word in _ENGLISH_UNITS:
            total += (section or 1) * _ENGLISH_UNITS[word]
            section = 0.0
        elif word != "and":
            section += _ENGLISH_ONES.get(word, _ENGLISH_TENS.get(word, 0))
    return total + section
