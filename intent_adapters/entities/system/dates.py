"""Dates, in Korean and English."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta

from intent_adapters.entities.system.numerals import value_of
from intent_adapters.entities.words import ends_word, starts_word

_KOREAN_DAYS = {
    "그저께": -2,
    "엊그제": -2,
    "그제": -2,
    "어제": -1,
    "오늘": 0,
    "내일모레": 2,
    "내일": 1,
    "모레": 2,
    "글피": 3,
}
_ENGLISH_DAYS = {
    "day before yesterday": -2,
    "yesterday": -1,
    "today": 0,
    "tonight": 0,
    "day after tomorrow": 2,
    "tomorrow": 1,
}
_DAYS = {**_KOREAN_DAYS, **_ENGLISH_DAYS}
_KOREAN_WEEKDAYS = "월화수목금토일"
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_KOREAN_WEEKS = {"다다음": 2, "다음": 1, "이번": 0, "지난": -1, "저번": -1}
_WEEKS = {**_KOREAN_WEEKS, "last": -1, "this": 0, "next": 1}
_YEARS = {"올해": 0, "금년": 0, "내년": 1, "내후년": 2, "작년": -1, "지난해": -1, "재작년": -2}
_SPANS = {"하루": 1, "이틀": 2, "사흘": 3, "나흘": 4, "닷새": 5, "열흘": 10, "일주일": 7, "보름": 15}
_UNITS = {"일": 1, "day": 1, "주": 7, "주일": 7, "week": 7}
_SINO_DAY = "[일이삼사오육칠팔구십]{1,4}"
_MONTH = (
    r"(?P<name>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
    r"oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_YEAR = r"(?:,? (?P<year>[0-9]{4})\b)?"


def find_dates(text: str, today: date) -> Iterator[tuple[int, int, str]]:
    """Dates as `2026-12-03`, a week as `2026-W49`, its end as `2026-W49-WE`, a month as `2026-12`, a year as `2026`.

    A day or a month without a year, or a weekday alone, is the next one, this one included. Weeks start on Monday, and
    "next Friday" is that of the next week. `12/3` is the third of December.
    """
    rules = (rule for letters, grammar in _GRAMMARS if letters.search(text) for rule in grammar)
    for pattern, meant in rules:
        for found in pattern.finditer(text):
            try:
                day = meant(found, today)
            except (ValueError, OverflowError):  # there is no such day
                continue
            if starts_word(text, found.start()) and ends_word(text, found.end()):
                yield *found.span(), day if isinstance(day, str) else day.isoformat()


def _named_day(found: re.Match[str], today: date) -> date:
    return today + timedelta(_DAYS[found[0]])


def _by_number(found: re.Match[str], today: date) -> date:
    month, day = (int(value_of(found[part])) for part in ("month", "day"))
    return _dated(found["year"], month, day, today)


def _by_name(found: re.Match[str], today: date) -> date:
    return _dated(found["year"], _MONTHS.index(found["name"][:3]) + 1, int(found["day"]), today)


def _dated(year: str | None, month: int, day: int, today: date) -> date:
    if year is not None:
        return date(int(year), month, day)
    for later in range(9):  # the 29th of February is rarely of the next year
        try:
            found = date(today.year + later, month, day)
        except ValueError:
            continue
        if found >= today:
            return found
    raise ValueError(f"there is no {month}-{day}")


def _day_of_month(found: re.Match[str], today: date) -> date:
    month, day = date(today.year, today.month, 1), int(found["day"])
    for _ in range(3):
        if month + timedelta(day - 1) >= today and (month + timedelta(day - 1)).month == month.month:
            return month + timedelta(day - 1)
        month = (month + timedelta(31)).replace(day=1)
    raise ValueError(f"there is no day {day}")


def _weekday(found: re.Match[str], today: date) -> date:
    name = found["weekday"]
    number = _KOREAN_WEEKDAYS.index(name) if name in _KOREAN_WEEKDAYS else _WEEKDAYS.index(name)
    monday = today - timedelta(today.weekday())
    if found["week"] is None:
        return today + timedelta((number - today.weekday()) % 7)
    return monday + timedelta(7 * _WEEKS[found["week"]] + number)


def _distance(found: re.Match[str], today: date) -> date:
    named = found.groupdict()
    days = _SPANS[named["span"]] if "span" in named else int(value_of(named["number"])) * _UNITS[named["unit"]]
    return today + timedelta(-days if named.get("way") in ("전", "ago") else days)


def _week(found: re.Match[str], today: date) -> str:
    year, week, _ = (today + timedelta(7 * _WEEKS[found["week"]])).isocalendar()
    return f"{year}-W{week:02}"


def _weekend(found: re.Match[str], today: date) -> str:
    year, week, _ = (today + timedelta(7 * _WEEKS[found["week"] or "this"])).isocalendar()
    return f"{year}-W{week:02}-WE"


def _month(found: re.Match[str], today: date) -> str:
    return _first_of_month(found, today).isoformat()[:7]


def _day_of_that_month(found: re.Match[str], today: date) -> date:
    return _first_of_month(found, today).replace(day=int(found["day"]))


def _first_of_month(found: re.Match[str], today: date) -> date:
    months = today.year * 12 + today.month - 1 + _WEEKS[found["week"]]
    return date(months // 12, months % 12 + 1, 1)


def _named_month(found: re.Match[str], today: date) -> str:
    month = int(found["month"])
    year = int(found["year"] or today.year + (month < today.month))
    return date(year, month, 1).isoformat()[:7]


def _year(found: re.Match[str], today: date) -> str:
    return str(today.year + _WEEKS[found["week"]])


_NUMBER = "(?P<number>[0-9]{1,3}|one|two|three|four|five|six|seven|eight|nine|ten)"
_WEEK = f"(?P<week>{'|'.join(_KOREAN_WEEKS)})"
_ENGLISH_WEEK = r"\b(?P<week>last|this|next)"
_OF_WEEK = f"(?: ?\\([{_KOREAN_WEEKDAYS}](?:요일)?\\)| [{_KOREAN_WEEKDAYS}]요일)?"
_DAY_OF_WEEK = r"(?:\b(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?[.,]* )?"
_Rule = tuple[str, Callable[[re.Match[str], date], date | str]]
_KOREAN: list[_Rule] = [
    ("|".join(_KOREAN_DAYS), _named_day),
    (r"(?:(?P<year>[0-9]{4})년 ?)?(?P<month>[0-9]{1,2})월 ?(?P<day>[0-9]{1,2})일" + _OF_WEEK, _by_number),
    (rf"(?:(?P<year>[0-9]{{4}})년 ?)?(?P<month>{_SINO_DAY})월 ?(?P<day>{_SINO_DAY})일", _by_number),
    (r"(?<![0-9월박/.-])(?<!월 )(?<!박 )(?P<day>[0-9]{1,2})일(?! ?(?:동안|치|뒤|후|전|째|이?내|안에))", _day_of_month),
    (rf"(?:{_WEEK} ?주 ?)?(?P<weekday>[{_KOREAN_WEEKDAYS}])요일", _weekday),
    (rf"(?P<span>{'|'.join(_SPANS)}) ?(?P<way>뒤|후|전)", _distance),
    (rf"{_NUMBER} ?(?P<unit>주일|일|주) ?(?P<way>뒤|후|전)", _distance),
    (rf"{_WEEK} ?주(?! ?[{_KOREAN_WEEKDAYS}]요일)", _week),
    (rf"(?:{_WEEK} ?주? ?)?주말", _weekend),
    (rf"{_WEEK} ?달", _month),
    (rf"{_WEEK} ?달 ?(?P<day>[0-9]{{1,2}})일", _day_of_that_month),
    (r"(?<![0-9])(?:(?P<year>[0-9]{4})년 ?)?(?P<month>[0-9]{1,2})월(?! ?[0-9]{1,2}일)", _named_month),
    (r"(?<![0-9])[0-9]{4}년(?! ?[0-9]{1,2}월)", lambda found, today: found[0][:4]),
    ("|".join(sorted(_YEARS, key=len, reverse=True)), lambda found, today: str(today.year + _YEARS[found[0]])),
]
_ENGLISH: list[_Rule] = [
    ("|".join(_ENGLISH_DAYS), _named_day),
    (rf"{_DAY_OF_WEEK}\b{_MONTH} (?:the )?(?P<day>[0-9]{{1,2}})(?:st|nd|rd|th)?\b{_YEAR}", _by_name),
    (rf"{_DAY_OF_WEEK}\b(?P<day>[0-9]{{1,2}})(?:st|nd|rd|th)? (?:of )?{_MONTH}\b{_YEAR}", _by_name),
    (r"(?<=\bthe )(?P<day>[0-9]{1,2})(?:st|nd|rd|th)\b(?! of)", _day_of_month),
    (rf"(?:{_ENGLISH_WEEK} )?\b(?P<weekday>{'|'.join(_WEEKDAYS)})\b", _weekday),
    (rf"\bin {_NUMBER} (?P<unit>day|week)s?\b", _distance),
    (rf"\b{_NUMBER} (?P<unit>day|week)s? (?P<way>ago|from now|later)\b", _distance),
    (rf"{_ENGLISH_WEEK} week\b", _week),
    (rf"(?:{_ENGLISH_WEEK} |(?<=\bthe ))weekend\b", _weekend),
    (rf"{_ENGLISH_WEEK} month\b", _month),
    (rf"{_ENGLISH_WEEK} year\b", _year),
]
_IN_DIGITS: list[_Rule] = [
    (r"(?<![0-9])(?P<year>[0-9]{4})([-./]) ?(?P<month>[0-9]{1,2})\2 ?(?P<day>[0-9]{1,2})(?![0-9])", _by_number),
    (r"(?<![0-9/])(?P<month>[0-9]{1,2})/(?P<day>[0-9]{1,2})(?:/(?P<year>[0-9]{4}))?(?![0-9/])", _by_number),
]
# Most texts are in one language, and need not be searched for the dates of the other.
_GRAMMARS = [
    (re.compile(letters), [(re.compile(pattern), meant) for pattern, meant in rules])
    for letters, rules in (("[가-힣]", _KOREAN), ("[a-z]", _ENGLISH), ("[0-9]", _IN_DIGITS))
]
