"""From one format into another and back: rows, entities and definitions stay, or it is said."""

from __future__ import annotations

import json
import tempfile
import unicodedata
import warnings
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from intent_adapters.data import Definition, EntityAnnotation, EntityDefinitions, convert, read_annotated
from intent_adapters.data.problems import Problems
from intent_adapters.data.table import Row
from intent_adapters.data.writers import WRITERS
from intent_adapters.errors import ConfigError, DataError, DataWarning

NFD = unicodedata.normalize("NFD", "부산")
ROWS = [
    {
        "text": f"😀 {NFD}에서 Seoul",
        "label": "travel",
        "entities": [
            {"start": 2, "end": 2 + len(NFD), "entity": "city", "role": "from", "value": "Busan"},
            {"start": len(NFD) + 5, "end": len(NFD) + 10, "entity": "city"},
        ],
    },
    {"text": "two\r\nlines, [one](bracket)", "label": "travel", "entities": [{"start": 0, "end": 3, "entity": "n"}]},
    {"text": "=now", "label": "bye", "entities": [{"start": 1, "end": 4, "entity": "when", "group": "1"}]},
    {"text": "bye", "label": "bye"},
]
DEFINITIONS = {
    "entities": {
        "city": {"values": {"Busan": ["부산"], "Seoul": []}, "patterns": ["[A-Z]{3}"]},
        "when": {"system": ["date", "time"]},
    },
    "synonyms": {"New York": ["NYC"]},
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "from.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    (tmp_path / "from.entities.json").write_text(json.dumps(DEFINITIONS), encoding="utf-8")
    return path


def bare(rows: list[Row]) -> list[tuple[str, str, tuple[EntityAnnotation, ...]]]:
    return [(row.text, row.label, row.entities) for row in rows]


@pytest.mark.parametrize("name", ["to.jsonl", "to.csv"])
def test_our_own_formats_hold_everything(source: Path, tmp_path: Path, name: str):
    written = convert(source, tmp_path / name)
    assert (written.utterances, written.entities, written.definitions) == (4, 4, 2)
    rows, definitions = read_annotated(tmp_path / name, purpose="evaluation")
    expected = read_annotated(source, purpose="evaluation")
    assert bare(rows) == bare(expected[0])
    assert definitions == expected[1]
    assert definitions.to_dict() == DEFINITIONS
    assert rows[0].entities[0].value == "Busan"


@pytest.mark.parametrize("name", ["to.jsonl", "to.csv"])
def test_that_nobody_said_what_entities_a_text_has_stays_so(tmp_path: Path, name: str):
    marked = [[{"start": 0, "end": 2, "entity": "e"}], None, []]
    for entities in (marked, [None, []], [None, None]):
        rows = [{"text": f"hi {number}", "label": "a", "entities": own} for number, own in enumerate(entities)]
        convert(rows, tmp_path / name)
        found, _ = read_annotated(tmp_path / name, purpose="evaluation")
        assert [(row.annotated, len(row.entities)) for row in found] == [
            (bool(e is not None), len(e or ())) for e in entities
        ]
    with pytest.warns(DataWarning, match=r"null in the place of entities \(1: rows\[1\]\)"):
        convert(
            [{"text": f"hi {n}", "label": "a", "entities": own} for n, own in enumerate(marked)], tmp_path / "n.yml"
        )


def test_rasa_holds_all_but_what_looks_like_markup_and_kinds_such_as_dates(source: Path, tmp_path: Path):
    with pytest.warns(DataWarning, match=r"texts that Rasa would misread \(1: .*:2\); kinds of ent.*\(1: when\)"):
        convert(source, tmp_path / "nlu.yml")
    rows, definitions = read_annotated(tmp_path / "nlu.yml", purpose="evaluation")
    expected = bare(read_annotated(source, purpose="evaluation")[0])
    assert bare(rows) == [expected[0], *expected[2:]]
    assert definitions.entities["city"] == Definition({"Busan": ("부산",), "Seoul": ()}, ("[A-Z]{3}",))
    assert definitions.synonyms == {"New York": ("NYC",)}


def test_clu_holds_spans_and_components(source: Path, tmp_path: Path):
    with pytest.warns(DataWarning) as caught:
        convert(source, tmp_path / "project.json", format="clu")
    for kind in ("roles of entities", "groups of entities", "values of entities", "synonyms of no entity"):
        assert f"{kind} " in str(caught[0].message)
    rows, definitions = read_annotated(tmp_path / "project.json", purpose="evaluation")
    spans = [[(entity.start, entity.end, entity.entity) for entity in row.entities] for row in rows]
    expected = read_annotated(source, purpose="evaluation")[0]
    assert [row.text for row in rows] == [row.text for row in expected]
    assert spans == [[(entity.start, entity.end, entity.entity) for entity in row.entities] for row in expected]
    found = definitions.to_dict()["entities"]
    assert {name: found[name] for name in DEFINITIONS["entities"]} == DEFINITIONS["entities"]


def test_targets_that_cannot_be_written(source: Path, tmp_path: Path):
    for target, what in [
        (source, "what would be read"),
        (tmp_path / "to.txt", "does not say in which format"),
        (tmp_path / "no" / "to.csv", "cannot be written"),
        (tmp_path, "does not say|cannot be written"),
    ]:
        with pytest.raises(ConfigError, match=what):
            convert(source, target)
    (tmp_path / "plain.csv").write_text("text,label\nhi,a\n")
    (tmp_path / "to.entities.json").write_text('{"entities": {"other": {"system": ["date"]}}}')
    with pytest.raises(ConfigError, match="is of other data"):
        convert(tmp_path / "plain.csv", tmp_path / "to.jsonl")
    convert(source, source.with_suffix(".csv"))  # what is beside it is its own
    convert(source, tmp_path / "again.csv")
    with pytest.warns(DataWarning):
        convert(source, tmp_path / "again.yml")  # beside it are the same definitions
    other = tmp_path / "other.csv"
    other.write_text("text,label\nhi,a\n")
    other.with_name("other.entities.json").write_text('{"entities": {"name": {"values": {"Bob": []}}}}')
    with pytest.raises(ConfigError, match=r"is of again\.csv, again\.yml and would be read"):
        convert(other, tmp_path / "again.jsonl")
    (tmp_path / "again.yml").unlink()
    convert(other, tmp_path / "again.csv")  # the only one that it was of
    assert "Bob" in (tmp_path / "again.entities.json").read_text(encoding="utf-8")
    with pytest.warns(DataWarning):
        convert(source, source.with_suffix(".yml"))
    with pytest.raises(ConfigError, match="format"):
        convert(source, tmp_path / "to.csv", format="xml")


quick = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
wild = st.text(st.sampled_from("ab가[](){}:\"\\'#-|>&*! ,=@\t\r\n\u2028\x85\x07\u0301😀ᄀ"), min_size=1, max_size=14)
names = st.text(st.sampled_from("ab 가():[]{}\"'\\#-"), min_size=1, max_size=5).filter(lambda name: name.strip())


@st.composite
def annotated_rows(draw: st.DrawFn) -> list[Row]:
    rows = []
    for number in range(draw(st.integers(1, 3))):
        text = draw(wild.filter(str.strip)).strip()
        entities = []
        for _ in range(draw(st.integers(0, 3))):
            start = draw(st.integers(0, len(text) - 1))
            end = draw(st.integers(start + 1, len(text)))
            span = text[start:end]
            if span == span.strip():
                name, value = draw(names).strip(), draw(st.one_of(st.just(span), names))
                role, group = draw(st.tuples(*[st.none() | names.map(str.strip)] * 2))
                entities.append(EntityAnnotation(start, end, name, value, role, group))
        entities = sorted(dict.fromkeys(entities), key=lambda entity: (entity.start, entity.end))
        rows.append(Row(str(number), text, "label", tuple(entities), annotated=bool(entities) or draw(st.booleans())))
    return rows


@pytest.mark.parametrize("format", ["jsonl", "csv", "rasa"])
@quick
@given(rows=annotated_rows())
def test_wild_texts_come_back_or_it_is_said(format: str, rows: list[Row]):
    suffix = {"jsonl": ".jsonl", "csv": ".csv", "rasa": ".yml"}[format]
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        path, problems = Path(folder, f"a{suffix}"), Problems()
        WRITERS[format](path, rows, EntityDefinitions(), problems)
        problems.report()
        try:
            found, _ = read_annotated(path, purpose="evaluation")
        except DataError:
            assume(format == "csv" or caught)  # a text like a row, or nothing left
            return
    if caught:
        message = str(caught[0].message)
        lost = {number for number in range(len(rows)) if f" {number}" in message}
        assert lost
        texts = {row.text for row in found}
        assert all(row.text in texts for number, row in enumerate(rows) if number not in lost)
    else:
        assert bare(found) == bare(rows)


@quick
@given(
    values=st.dictionaries(wild.map(str.strip).filter(bool), st.lists(wild.map(str.strip).filter(bool), max_size=2)),
    patterns=st.lists(wild.map(str.strip).filter(bool), max_size=2, unique=True),
)
def test_wild_definitions_come_back_from_json(values: dict[str, list[str]], patterns: list[str]):
    words = {value: tuple(dict.fromkeys(word for word in words if word != value)) for value, words in values.items()}
    definitions = EntityDefinitions({"e": Definition(words, tuple(patterns))})
    with tempfile.TemporaryDirectory() as folder:
        WRITERS["jsonl"](Path(folder, "a.jsonl"), [Row("0", "hi", "a")], definitions, Problems())
        assert read_annotated(Path(folder, "a.jsonl"), purpose="evaluation")[1] == definitions
