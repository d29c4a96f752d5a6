from __future__ import annotations

import time
import unicodedata
import warnings
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intent_adapters.data import Definition, EntityDefinitions
from intent_adapters.data.system_entities import SYSTEM_KINDS
from intent_adapters.entities import EntityFinder
from intent_adapters.entities.system import FINDERS
from intent_adapters.errors import ConfigError, DataWarning, TextError

NOW = datetime(2026, 11, 30, 9)  # a Monday
CITIES = Definition({"Seoul": ("서울", "SEL"), "부산": (), "New York": ("뉴욕",), "Straße": (), "3호선": (), "7": ()})
FINDER = EntityFinder(EntityDefinitions({"city": CITIES}))


def spans(finder: EntityFinder, text: str) -> list[tuple[str, str]]:
    found = finder.find(text, now=NOW)
    assert all(text[entity.start : entity.end] == entity.text for entity in found)
    return [(entity.text, entity.value) for entity in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("서울에서 부산까지", [("서울", "Seoul"), ("부산", "부산")]),
        ("서울에서는요, 부산으로만", [("서울", "Seoul"), ("부산", "부산")]),
        ("서울엔 부산에선, 서울이라서 부산이라면서", [("서울", "Seoul"), ("부산", "부산")] * 2),
        ("부산은 부산이에요", [("부산", "부산")] * 2),
        ("서울로 부산으로", [("서울", "Seoul"), ("부산", "부산")]),
        ("부산로 부산를 서울는", []),  # no such particle behind this sound
        ("서울대 부산은행 북서울 서울서울", []),
        ("SEL에서 sel, Sel!", [("SEL", "Seoul"), ("sel", "Seoul"), ("Sel", "Seoul")]),
        ("ＳＥＬ 공항", [("ＳＥＬ", "Seoul")]),
        ("NEW \t york 뉴욕행", [("NEW \t york", "New York")]),
        ("STRASSE strasse straße", [("STRASSE", "Straße"), ("strasse", "Straße"), ("straße", "Straße")]),
        ("counsel selling", []),
        ("3호선을 7은 7월 17 7", [("3호선", "3호선"), ("7", "7"), ("7", "7")]),
        ("😀서울😀", [("서울", "Seoul")]),
        ("서울\r\n부산", [("서울", "Seoul"), ("부산", "부산")]),
    ],
)
def test_values_in_any_spelling_up_to_their_particles(text: str, expected: list[tuple[str, str]]):
    assert spans(FINDER, text) == expected
    apart = unicodedata.normalize("NFD", text)
    assert [value for _, value in spans(FINDER, apart)] == [value for _, value in expected]
    assert [unicodedata.normalize("NFC", span) for span, _ in spans(FINDER, apart)] == [
        unicodedata.normalize("NFC", span) for span, _ in expected
    ]


def test_the_longest_stays_and_then_values_before_patterns_before_kinds():
    pytest.importorskip("regex")
    definitions = EntityDefinitions(
        {
            "count": Definition(system=("number",)),
            "code": Definition(patterns=("[0-9]+", "A[0-9]+")),
            "room": Definition({"12": (), "A": ()}),
            "other": Definition({"12": ()}),
            "bigger": Definition({"room A": ()}),
        }
    )
    finder = EntityFinder(definitions)
    found = [(entity.text, entity.entity, entity.source) for entity in finder.find("12, A12, room A, 3")]
    assert found == [
        ("12", "room", "values"),
        ("A12", "code", "pattern"),
        ("room A", "bigger", "values"),
        ("3", "code", "pattern"),
    ]


def test_patterns_match_composed_text_and_take_their_value_from_synonyms():
    pytest.importorskip("regex")
    finder = EntityFinder(
        EntityDefinitions({"item": Definition(patterns=("[가-힣]+티켓",))}, {"concert": ("콘서트티켓",)})
    )
    text = unicodedata.normalize("NFD", "콘서트티켓 두 장")
    (entity,) = finder.find(text)
    assert (entity.text, entity.value) == (unicodedata.normalize("NFD", "콘서트티켓"), "concert")
    assert entity.to_dict() == {
        "start": 0,
        "end": len(entity.text),
        "text": entity.text,
        "entity": "item",
        "value": "concert",
        "role": None,
        "score": 1.0,
        "source": "pattern",
    }


def test_a_pattern_that_takes_too_long_is_given_up_and_said():
    pytest.importorskip("regex")
    finder = EntityFinder(EntityDefinitions({"bad": Definition(patterns=("(a+a+)+b",) * 100), "city": CITIES}))
    start = time.monotonic()
    with pytest.warns(DataWarning, match="of 'bad' and those behind it were given up"):
        assert [entity.value for entity in finder.find("서울 " + "a" * 5000)] == ["Seoul"]
    assert time.monotonic() - start < 2


def test_what_cannot_be_used_is_refused():
    pytest.importorskip("regex")
    with pytest.raises(ConfigError, match=r"'\(' of 'a' is no regular expression"):
        EntityFinder(EntityDefinitions({"a": Definition(patterns=("(",))}))
    nested, long = "(" * 3000 + "a" + ")" * 3000, "a" * 10_001
    for pattern, what in ((nested, "no regular expression"), (long, "10,001 characters")):
        with pytest.raises(ConfigError, match=what):
            EntityFinder(EntityDefinitions({"a": Definition(patterns=(pattern,))}))
    with pytest.raises(ConfigError, match="colour"):
        EntityFinder(EntityDefinitions({"a": Definition(system=("colour",))}))
    with pytest.raises(ConfigError, match=r"as `read_definitions` makes of a file, not \{'city': "):
        EntityFinder({"city": CITIES})  # type: ignore[arg-type]
    for text in ("", " ", None, 3, ["서울"]):
        with pytest.raises(TextError):
            FINDER.find(text)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"now is a datetime, not datetime.date\(2026, 11, 30\)"):
        FINDER.find("서울", now=NOW.date())  # type: ignore[arg-type]


def test_a_region_that_is_no_country_is_refused_where_it_counts():
    pytest.importorskip("phonenumbers")
    phones = EntityDefinitions({"phone": Definition(system=("phone",))})
    with pytest.raises(ConfigError, match="the code of a country, such as KR or US, not 'Korea'"):
        EntityFinder(phones, region="Korea")
    assert EntityFinder(phones, region="US").find("650-253-0000")[0].value == "+16502530000"


def test_a_day_and_a_time_of_one_entity_are_one():
    finder = EntityFinder(EntityDefinitions({"when": Definition(system=("date", "time"))}))
    assert spans(finder, "내일 오후 3시에 봐요") == [("내일 오후 3시", "2026-12-01T15:00")]
    assert spans(finder, "3pm on Friday or Saturday") == [
        ("3pm on Friday", "2026-12-04T15:00"),
        ("Saturday", "2026-12-05"),
    ]
    assert spans(finder, "2026-12-25T10:00") == [("2026-12-25T10:00", "2026-12-25T10:00")]
    assert spans(finder, "내일 3시 모레") == [("내일 3시", "2026-12-01T03:00"), ("모레", "2026-12-02")]
    before = time.perf_counter()
    assert len(finder.find("내일 3시 " * 1600, now=NOW)) == 1600
    assert time.perf_counter() - before < 2


def test_every_kind_has_its_finder():
    assert tuple(FINDERS) == SYSTEM_KINDS


KINDS = [kind for kind in SYSTEM_KINDS if kind != "phone"]
ALL = EntityDefinitions({"city": CITIES, **{kind: Definition(system=(kind,)) for kind in KINDS}})
letters = "서울부산에은가 0123년월일시분만천원,.-/:$@aepm십두명\u1100\u1161\u0301ﬁßİ😀\r\n"
wild = st.text(st.sampled_from(letters), min_size=1, max_size=30)


@settings(max_examples=200, deadline=None)
@given(text=wild)
def test_spans_are_of_the_text_as_given_and_never_overlap(text: str):
    if not text.strip():
        return
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = EntityFinder(ALL).find(text, now=NOW)
    end = 0
    for entity in found:
        assert end <= entity.start < entity.end <= len(text)
        assert entity.text == text[entity.start : entity.end]
        end = entity.end


@pytest.mark.parametrize(
    "noise", ["1", "1,", "1-", "10:", "십", "a ", "two hundred ", "www.", "다음 주 ", "은는", "a@"]
)
def test_time_grows_with_the_length_of_the_text_alone(noise: str):
    finder = EntityFinder(ALL)
    start = time.monotonic()
    finder.find(noise * (10_000 // len(noise)), now=NOW)
    assert time.monotonic() - start < 5
