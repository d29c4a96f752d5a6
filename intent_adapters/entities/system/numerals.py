"""Numbers in digits and in words, in Korean and English: what they look like, and what they are."""

from __future__ import annotations

import re

_START = "(?<![0-9a-z_])(?<![0-9][.,:/-])"
# Longer ones name things rather than count them.
_PLAIN = r"(?:[0-9]{1,3}(?:,[0-9]{3}){1,4}+|[0-9]{1,15}+)(?:\.[0-9]{1,15}+)?"
DIGITS = rf"{_START}{_PLAIN}(?![.,:/-]?[0-9])"
_UNIT = "(?:[십백천]?[만억조]|[십백천])"
# 3만 5천, 1억2000
MIXED = rf"{_START}{_PLAIN} ?{_UNIT}(?: ?{_PLAIN} ?{_UNIT}|{_PLAIN})*+"
# Sino-Korean, with a unit: 삼백이십, 만
SINO = "(?<![가-힣])[일이삼사오육륙칠팔구십백천만억조]*[십백천만억조][일이삼사오육륙칠팔구]?"
_TENS = {"열": 10, "스물": 20, "서른": 30, "마흔": 40, "쉰": 50, "예순": 60, "일흔": 70, "여든": 80, "아흔": 90}
_ONES = {
    "하나": 1,
    "둘": 2,
    "셋": 3,
    "넷": 4,
    "다섯": 5,
    "여섯": 6,
    "일곱": 7,
    "여덟": 8,
    "아홉": 9,
    "한": 1,
    "두": 2,
    "세": 3,
    "네": 4,
}
NATIVE = f"(?<![가-힣])(?:스무|(?:{'|'.join(_TENS)})(?:{'|'.join(_ONES)})?|{'|'.join(_ONES)})"
# How a number ends that only stands before what it counts.
BEFORE_COUNTERS = ("한", "두", "세", "네", "스무")
COUNTERS = "명|분|개|번(?!째)|살|잔|장|대|권|마리|박|인|곳|가지|시간|병|켤레|사람|달|주|회|층|호"

_ENGLISH_ONES = {
    word: number
    for number, word in enumerate(
        (
            *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"),
            *("twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
        )
    )
}
_ENGLISH_TENS = {
    word: 10 * number
    for number, word in enumerate(
        ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"), start=2
    )
}
_ENGLISH_UNITS = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}
_ONE = "|".join(sorted(_ENGLISH_ONES, key=len, reverse=True))
_BELOW_100 = rf"(?:(?:{'|'.join(_ENGLISH_TENS)})(?:[- ](?:{_ONE}))?|{_ONE})"
_BELOW_1000 = rf"(?:(?:{_BELOW_100}|a) hundred(?:(?: and)? {_BELOW_100})?|{_BELOW_100})"
# Not as in "this one".
_NO_NUMBER_AFTER = "".join(f"(?<!\\b{word} )" for word in ("this", "that", "the", "which", "other", "any", "no"))
ENGLISH = (
    rf"\b{_NO_NUMBER_AFTER}(?:{_BELOW_1000}|a(?= thousand| million| billion))"
    rf"(?: (?:thousand|million|billion)(?:(?: and)? {_BELOW_1000})?)*\b"
)

_KOREAN_DIGITS = {"일": 1, "이": 2, "삼": 3, "사": 4, "오": 5, "육": 6, "륙": 6, "칠": 7, "팔": 8, "구": 9}
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
