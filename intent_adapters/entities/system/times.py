"""Times of day."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from intent_adapters.entities.system.numerals import DIGITS, ENGLISH, NATIVE, value_of
from intent_adapters.entities.words import ends_word, starts_word

_HOURS = "열한|열두|열|한|두|세|네|다섯|여섯|일곱|여덟|아홉"
_KOREAN = re.compile(
    r"(?:(?P<part>오전|오후|아침|점심|저녁|밤|새벽|낮) ?)?"
    rf"(?:(?P<digits>[0-9]{{1,2}})|(?P<word>{_HOURS})) ?시"
    r"(?: ?(?:(?P<minutes>[0-9]{1,2}) ?분|(?P<half>반)))?"
)
_CLOCK = re.compile(
    r"(?<![0-9:])(?P<hour>[0-9]{1,2})(?::(?P<minutes>[0-5][0-9])(?::[0-5][0-9])?)?"
    r"(?: ?(?P<half>[ap])(?:m\b|\.m\.)| ?o ?['’]? ?clock\b)?(?![0-9:])"
)
_LATER = re.compile(
    rf"(?P<number>{DIGITS}|{NATIVE}) ?(?P<unit>시간|분)(?P<half> ?반)? ?(?:뒤|후|있다가)"
    rf"|\bin (?:about )?(?P<count>{DIGITS}|{ENGLISH}|an?) (?P<units>hour|minute)s?\b"
)
MINUTES_OF_A_DAY = 24 * 60
_NAMED = {"정오": "12:00", "noon": "12:00", "자정": "00:00", "midnight": "00:00"}
_NAME = re.compile("|".join(_NAMED))
# Of the hours after which half of the day they are of is clear.
_EARLY, _LATE = ("오전", "새벽", "아침"), ("오후", "저녁", "점심", "낮")


def find_times(text: str, now: datetime) -> Iterator[tuple[int, int, str]]:
    """Times as `15:30`. An hour of which nothing says whether it is before noon stays as it is: 3시 is 03:00."""
    for found in _LATER.finditer(text):
        words = found["number"] or found["count"]
        number = 1.0 if words in ("a", "an") else value_of(words)
        hours = (found["unit"] or found["units"]) in ("시간", "hour")
        minutes = number * (60 if hours else 1) + (30 if found["half"] else 0)
        if minutes < MINUTES_OF_A_DAY and ends_word(text, found.end()):
            then = now + timedelta(minutes=minutes)
            yield *found.span(), _written(then.hour, then.minute)
    for found in _KOREAN.finditer(text):
        start, end = found.span()
        hour = int(value_of(found["digits"] or found["word"]))
        minutes = 30 if found["half"] else int(found["minutes"] or 0)
        starts = found["part"] or starts_word(text, start)
        if hour <= 24 and minutes < 60 and starts and ends_word(text, end):
            yield start, end, _written(_korean_hour(found["part"], hour), minutes)
    for found in _CLOCK.finditer(text):
        hour, minutes = int(found["hour"]), int(found["minutes"] or 0)
        is_time = found["minutes"] or found["half"] or found[0].endswith("clock")
        if is_time and hour <= (12 if found["half"] else 24):
            if found["half"]:
                hour = hour % 12 + 12 * (found["half"] == "p")
            yield *found.span(), _written(hour, minutes)
    for found in _NAME.finditer(text):
        if starts_word(text, found.start()) and ends_word(text, found.end()):
            yield *found.span(), _NAMED[found[0]]


def _korean_hour(part: str | None, hour: int) -> int:
    if part in _EARLY or (part == "밤" and (hour < 6 or hour == 12)):
        return hour % 12
    if part == "밤" or part in _LATE:
        return hour if hour >= 12 else hour + 12
    return hour


def _written(hour: int, minutes: int) -> str:
    return f"{hour % 24:02}:{minutes:02}"
