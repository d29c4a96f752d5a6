from __future__ import annotations

from datetime import datetime

import pytest

from intent_adapters.entities.normalised import folded
from intent_adapters.entities.system import FINDERS

NOW = datetime(2026, 11, 30, 9)  # a Monday


def find(kind: str, text: str) -> list[tuple[str, str | None]]:
    letters = folded(text)
    found = []
    for start, end, value in FINDERS[kind](letters.text, NOW, "KR"):
        span = letters.span(start, end)
        assert span is not None
        found.append((text[slice(*span)], value))
    return sorted(found, key=lambda one: text.index(one[0]))


DATES = {
    "내일이요": [("내일", "2026-12-01")],
    "어제랑 오늘": [("어제", "2026-11-29"), ("오늘", "2026-11-30")],
    "오늘날 언어제": [],
    "내일모레까지": [("내일모레", "2026-12-02")],
    "월요일에": [("월요일", "2026-11-30")],
    "다음 주 화요일부터": [("다음 주 화요일", "2026-12-08")],
    "지난주 금요일": [("지난주 금요일", "2026-11-27")],
    "다다음주에": [("다다음주", "2026-W51")],
    "12월 3일까지": [("12월 3일", "2026-12-03")],
    "3월1일은": [("3월1일", "2027-03-01")],
    "2027년 2월 29일": [],
    "십이월 이십오일에": [("십이월 이십오일", "2026-12-25")],
    "15일이요": [("15일", "2026-12-15")],
    "3일 동안 2박 3일": [],
    "14일 안에, 14일이내, 14일 이내": [],
    "14일 안 돼요, 14일이요": [("14일", "2026-12-14")] * 2,
    "3일 뒤에": [("3일 뒤", "2026-12-03")],
    "사흘 전": [("사흘 전", "2026-11-27")],
    "2주 후": [("2주 후", "2026-12-14")],
    "다음 달": [("다음 달", "2026-12")],
    "2026. 12. 5에": [("2026. 12. 5", "2026-12-05")],
    "2026-12-05": [("2026-12-05", "2026-12-05")],
    "12/25": [("12/25", "2026-12-25")],
    "Tomorrow or the day after tomorrow": [("Tomorrow", "2026-12-01"), ("day after tomorrow", "2026-12-02")],
    "this Friday": [("this Friday", "2026-12-04")],
    "next monday": [("next monday", "2026-12-07")],
    "on Tuesdays": [],
    "March 4th": [("March 4th", "2027-03-04")],
    "4 Mar 2028": [("4 Mar 2028", "2028-03-04")],
    "the 11th of March": [("11th of March", "2027-03-11")],
    "on the 2nd": [("2nd", "2026-12-02")],
    "in three days": [("in three days", "2026-12-03")],
    "2 weeks ago": [("2 weeks ago", "2026-11-16")],
    "next week": [("next week", "2026-W50")],
    "february 30": [],
    "12월 3일(목)에 12월 4일 금요일": [("12월 3일(목)", "2026-12-03"), ("12월 4일 금요일", "2026-12-04")],
    "Thu., 3 Dec 2026": [("Thu., 3 Dec 2026", "2026-12-03")],
    "지난달 28일": [("지난달 28일", "2026-10-28")],
    "9월, 2012년 5월부터 2013년까지": [("9월", "2027-09"), ("2012년 5월", "2012-05"), ("2013년", "2013")],
    "2010년대 5월호 13월": [],
    "올해, 내년에": [("올해", "2026"), ("내년", "2027")],
    "이번 주말": [("이번 주말", "2026-W49-WE")],
    "over the weekend": [("weekend", "2026-W49-WE")],
    "next weekend, last year": [("next weekend", "2026-W50-WE"), ("last year", "2025")],
}
TIMES = {
    "오후 3시 30분에": [("오후 3시 30분", "15:30")],
    "세 시 반이요": [("세 시 반", "03:30")],
    "저녁 일곱시": [("저녁 일곱시", "19:00")],
    "밤 12시": [("밤 12시", "00:00")],
    "밤 1시": [("밤 1시", "01:00")],
    "낮 12시": [("낮 12시", "12:00")],
    "내일오전11시": [("오전11시", "11:00")],
    "3시간 동안, 다시, 25시": [],
    "정오까지": [("정오", "12:00")],
    "15:30에": [("15:30", "15:30")],
    "3pm": [("3pm", "15:00")],
    "12:15 a.m.": [("12:15 a.m.", "00:15")],
    "10 o'clock": [("10 o'clock", "10:00")],
    "13 pm, 10 apples, 1:2": [],
    "at noon": [("noon", "12:00")],
    "두 시간 반 뒤에": [("두 시간 반 뒤", "11:30")],
    "30분 후": [("30분 후", "09:30")],
    "in an hour or in 45 minutes": [("in an hour", "10:00"), ("in 45 minutes", "09:45")],
    "in 30 hours": [],
}
NUMBERS = {
    "두 명, 세 명이요": [("두", "2"), ("세", "3")],
    "네, 두고 한국": [],
    "스물다섯 살": [("스물다섯", "25")],
    "다섯은 여섯": [("다섯", "5"), ("여섯", "6")],
    "삼백이십 명": [("삼백이십", "320")],
    "천만에요 이만 갈게요": [],
    "3만 5천": [("3만 5천", "35000")],
    "1,234.5": [("1,234.5", "1234.5")],
    "12월 3일 3시 12:30 1-2 2nd B12": [],
    "3은 3이요 3개": [("3", "3")] * 3,
    "twenty-five of them": [("twenty-five", "25")],
    "a hundred and two": [("a hundred and two", "102")],
    "two thousand three hundred": [("two thousand three hundred", "2300")],
    "two and three, this one, no one": [("two", "2"), ("three", "3")],
    "the two of us, one of those": [("two", "2"), ("one", "1")],
    "ten one": [("ten", "10"), ("one", "1")],
    "eleven, nineteen, ninety nine": [("eleven", "11"), ("nineteen", "19"), ("ninety nine", "99")],
    "열하나 아흔아홉 스무 살": [("열하나", "11"), ("아흔아홉", "99"), ("스무", "20")],
    "1" * 40: [],
}
AMOUNTS = {
    "3만 5천원이면": [("3만 5천원", "35000 KRW")],
    "가격:30,000 원": [("30,000 원", "30000 KRW")],
    "오천원짜리 만원": [("만원", "10000 KRW")],
    "1억 2천만 원": [("1억 2천만 원", "120000000 KRW")],
    "병원 직원 회원": [],
    "₩500 and $19.99": [("₩500", "500 KRW"), ("$19.99", "19.99 USD")],
    "20 dollars, twenty euros": [("20 dollars", "20 USD"), ("twenty euros", "20 EUR")],
    "USD 20": [("USD 20", "20 USD")],
    "20 wonders": [],
}
ADDRESSES = {
    "email": {"메일은 a.b+c@d.co.kr로": [("a.b+c@d.co.kr", None)], "a@b @c.d": []},
    "url": {"(https://x.y/z?q=1), www.a.kr은": [("https://x.y/z?q=1", None), ("www.a.kr", None)]},
}
CASES = [
    (kind, text, expected)
    for kind, cases in {"date": DATES, "time": TIMES, "number": NUMBERS, "amount": AMOUNTS, **ADDRESSES}.items()
    for text, expected in cases.items()
]


@pytest.mark.parametrize(("kind", "text", "expected"), CASES)
def test_what_is_found_and_what_it_means(kind: str, text: str, expected: list[tuple[str, str | None]]):
    found = find(kind, text)
    longest = [one for one in found if not any(one[0] in other[0] and one != other for other in found)]
    assert longest == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("010-1234-5678로 전화", [("010-1234-5678", "+821012345678")]),
        ("(02) 312 3456", [("(02) 312 3456", "+8223123456")]),
        ("+1 650-253-0000", [("+1 650-253-0000", "+16502530000")]),
        ("12월 3일 2시, 주문 12345", []),
    ],
)
def test_phone_numbers_in_the_form_that_can_be_dialled(text: str, expected: list[tuple[str, str]]):
    pytest.importorskip("phonenumbers")
    assert find("phone", text) == expected
