from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intent_adapters.data import Definition, EntityDefinitions
from intent_adapters.data.check import check
from intent_adapters.data.reading import read_rows
from intent_adapters.entities.check import check_entities, check_marks


def row(text: str, *marked: str, entity: str = "city") -> dict[str, object]:
    """An utterance with the first place of each of some words marked."""
    spans = [{"start": text.index(word), "end": text.index(word) + len(word), "entity": entity} for word in marked]
    return {"text": text, "label": "go", "entities": spans}


ROWS = [row("to Busan", "Busan"), row("서울에서 가요", "서울"), row("from Rome, please", "Rome"), row("hello")]


def found(rows: list[dict[str, object]]) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    return [(finding.kind, finding.places, finding.labels) for finding in check_entities(rows)]


def test_whole_words_that_are_marked_wherever_they_stand_are_in_order():
    assert found(ROWS) == []
    assert found([{"text": "to Busan", "label": "go"}]) == []
    # Other words, and a text in which nobody looked for entities.
    others = [row("서울대 병원"), {"text": "to Busan", "label": "go", "entities": None}]
    assert found([*ROWS, *others]) == []


def test_words_that_are_marked_elsewhere():
    rows = [*ROWS, row("BUSAN now"), row("서울은요"), row("서울로 와요", "서울", entity="place")]
    missing = [finding for finding in check_entities(rows) if finding.kind == "unmarked entity"]
    assert [(finding.places, finding.labels) for finding in missing] == [
        (("rows[4]",), ("city",)),
        (("rows[5]",), ("city",)),
        (("rows[5]",), ("place",)),
    ]
    assert missing[0].reason == "'busan' is not marked here, and as 'city' in 1 other place"
    # What is left unmarked more often than not is a word with another meaning.
    assert found([*ROWS, row("Rome wasn't built"), row("Rome burns")]) == []


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("대전에 가요", "전"),
        ("to Busan now", "usan"),
        ("to Busan", "Bus"),
        (unicodedata.normalize("NFD", "부산"), "\u1107"),
    ],
)
def test_marks_that_cut_a_word(text: str, part: str):
    assert ("part of a word", ("rows[4]",), ("city",)) in found([*ROWS, row(text, part)])


def test_marks_that_overlap_and_entities_with_few_examples():
    rows = [*ROWS, row("to New York City", "New York", "New York City"), row("AB12 please", "AB12", entity="code")]
    assert found(rows) == [
        ("overlapping entities", ("rows[4]",), ("city",)),
        ("rare entity", ("rows[5]",), ("code",)),
    ]
    definitions = EntityDefinitions({"code": Definition(patterns=["[A-Z]{2}[0-9]{2}"])})
    kinds = [one.kind for one in check_marks(read_rows(rows, purpose="evaluation", entities=True), definitions)]
    assert kinds == ["overlapping entities"]


letters = "서울에\u1109\u1165\u11aaa e\u0301ßİﬁ\u200b\u3164\u00b4😀\u200d!1.\r\n\u3000"


@settings(max_examples=200, deadline=None)
@given(data=st.data(), text=st.text(st.sampled_from(letters), min_size=1, max_size=12))
def test_any_marks_can_be_looked_at(data: st.DataObject, text: str):
    offsets = st.integers(0, len(text))
    spans = data.draw(
        st.lists(st.tuples(offsets, offsets, st.sampled_from("ab")), max_size=3, unique_by=lambda span: span[0])
    )
    kept = [{"start": a, "end": b, "entity": name} for a, b, name in spans if a < b and text[a:b].strip()]
    rows = [{"text": f"{text}x", "label": "a", "entities": marks} for marks in (kept, [])]
    for finding in check_entities(rows):
        assert finding.places
        assert finding.labels


def test_names_that_look_alike_are_a_problem_of_the_data(tmp_path: Path):
    rows = [*ROWS, row("to Jeju", "Jeju", entity="City"), row("to Ulsan", "Ulsan", entity="citty")]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    assert not check(path).problems  # who does not want entities is not bothered
    (problem,) = check(path, entities=True).problems
    assert (problem.kind, problem.labels) == ("look-alike labels", ("City", "city"))
    assert problem.places == (f"{path}:5", f"{path}:1")
    assert problem.advice == "spell them alike if they are one entity"
