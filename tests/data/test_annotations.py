from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from intent_adapters.data import (
    Definition,
    EntityAnnotation,
    EntityDefinitions,
    data_digest,
    read_annotated,
    read_definitions,
    read_intents,
)
from intent_adapters.errors import ConfigError, DataError, DataWarning

NLU = """
version: "3.1"
nlu:
- intent: book
  examples: |
    - from [Seoul]{"entity": "city", "role": "from"} to [Busan](city:PUS (harbour))
    - [내일](date) [두 시](time:14) 예약이요
    - [NYC][{"entity": "city"}, {"entity": "code", "value": 3}] please
    - [ tea ]{"entity": "drink", "group": 1, "value": "T"}
- intent: bye
  examples: |
    - bye
- synonym: Seoul
  examples: |
    - SEL
    - 서울
- synonym: cup
  examples: |
    - mug
- lookup: city
  examples: |
    - Seoul
    - SEL
    - Busan
- regex: code
  examples: |
    - [A-Z]{3}
"""


@pytest.fixture
def nlu(tmp_path: Path) -> Path:
    path = tmp_path / "nlu.yml"
    path.write_text(NLU, encoding="utf-8")
    return path


def test_markup_of_rasa_is_entities(nlu: Path):
    rows, definitions = read_annotated(nlu)
    found = [[(row.text[e.start : e.end], e.entity, e.value, e.role, e.group) for e in row.entities] for row in rows]
    assert found == [
        [("Seoul", "city", "Seoul", "from", None), ("Busan", "city", "PUS (harbour)", None, None)],
        [("내일", "date", "내일", None, None), ("두 시", "time", "14", None, None)],
        [("NYC", "city", "NYC", None, None), ("NYC", "code", "3", None, None)],
        [("tea", "drink", "T", None, "1")],
        [],
    ]
    # A word of a lookup table that is a synonym of another word there is no value of its own.
    assert definitions.to_dict() == {
        "entities": {
            "city": {"values": {"Seoul": ["SEL", "서울"], "Busan": []}},
            "code": {"patterns": ["[A-Z]{3}"]},
        },
        "synonyms": {"cup": ["mug"]},
    }


def test_a_column_of_entities_if_asked_for_and_else_all_as_before(nlu: Path):
    with pytest.warns(DataWarning, match="left out: synonym tables"):
        plain = read_intents(nlu)
    with pytest.warns(DataWarning, match="left out: synonym tables"):
        marked = read_intents(nlu, entities=True)
    assert plain.column_names == ["text", "label"]
    assert marked.remove_columns("entities")[:] == plain[:]
    assert data_digest(marked) == data_digest(plain)
    assert marked[0]["entities"][0] == {
        "start": 5,
        "end": 10,
        "entity": "city",
        "value": "Seoul",
        "role": "from",
        "group": None,
    }
    again, _ = read_annotated(marked)
    assert [row.entities for row in again] == [row.entities for row in read_annotated(nlu)[0]]


def row(**entity: object) -> dict[str, object]:
    return {"text": " to Busan", "label": "a", "entities": [{"start": 4, "end": 9, "entity": "city", **entity}]}


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        (row(end=10), "offsets 4, 10 are not in the text of 9 characters"),
        (row(start=9), "offsets 9, 9"),
        (row(start=-1), "offsets -1, 9"),
        (row(start=True), "offsets True, 9"),
        (row(start=3, end=4), "is white space"),
        (row(entity=None), "has no name"),
        (row(entity=" "), "has no name"),
        (row(entity=["city"]), "`entity` of an entity is no name of up to 200 characters"),
        (row(role="r" * 201), "`role` of an entity is no name of up to 200 characters"),
        (row(group="a\nb"), "`group` of an entity is no name"),
        (row(start=9, end=4), "offsets 9, 4 mark nothing"),
        (row(start="4"), "offsets '4', 9 are no whole numbers"),
        (row(end=9.0), "offsets 4, 9.0 are no whole numbers"),
        (row(value="\ud800"), "half a surrogate pair"),
        ({**row(), "entities": "[{"}, "is not JSON"),
        ({**row(), "entities": {"city": "Busan"}}, "is no list"),
        ({**row(), "entities": ["Busan"]}, "is no object"),
        ({**row(), "entities": 3}, "is no list"),
    ],
)
def test_what_is_no_entity_is_a_problem_with_its_row(wrong: dict[str, object], what: str):
    rows = [{"text": "bye", "label": "b"}, wrong]
    with pytest.raises(DataError, match=r"rows\[1\]: .*" + what):
        read_annotated(rows)
    assert read_intents(rows)["text"][:] == ["bye", "to Busan"]  # who does not want entities is not bothered


@pytest.mark.parametrize("nothing", [None, float("nan"), "", " ", [], "[]"])
def test_no_entities(nothing: object):
    rows, _ = read_annotated([{**row(), "entities": nothing}, {"text": "bye", "label": "b"}])
    assert rows[0].entities == ()


def test_offsets_of_numpy_and_empty_roles():
    rows, _ = read_annotated([row(start=np.int64(4), role="", group=" "), {"text": "bye", "label": "b"}])
    assert rows[0].entities == (EntityAnnotation(3, 8, "city", "Busan"),)


def test_offsets_count_in_the_text_without_space_around(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text(
        'text,label,entities\n"\u3000to Busan",a,"[{""start"": 3, ""end"": 9, ""entity"": ""city"", ""more"": 1}]"\n'
        "bye,b,\n",
        encoding="utf-8",
    )
    with pytest.warns(DataWarning, match=r"`more` of entities \(1: .*a\.csv:2\)"):
        rows, _ = read_annotated(path)
    (entity,) = rows[0].entities
    assert (entity.start, entity.end, rows[0].text[entity.start : entity.end]) == (3, 8, "Busan")


def test_a_row_that_repeats_another_with_other_entities_is_said():
    rows = [row(), {"text": "bye", "label": "b"}, {"text": "to Busan", "label": "a"}]
    with pytest.warns(DataWarning, match="rows that repeat another with other entities"):
        assert len(read_annotated(rows)[0]) == 2


@pytest.mark.parametrize(
    ("document", "what"),
    [
        ([], "no JSON object"),
        ({"entities": []}, "not an object"),
        ({"entities": {"a": {"values": ["x"]}}}, r"entities\.a: not an object"),
        ({"entities": {"a": {"values": {"x": "y"}}}}, "not a list of texts"),
        ({"entities": {"a": {"value": {}}}}, "'value' is unknown"),
        ({"entities": {"a": {"system": ["colour"]}}}, "'colour' is no kind"),
        ({"entities": {"a": {"values": {" ": []}}}}, "is no text"),
        ({"entities": {"": {}}}, "no name of an entity"),
        ({"entities": {"a\nb": {}}}, "no name of an entity"),
        ({"cities": {}}, "'cities' is unknown"),
    ],
)
def test_what_is_no_definition_is_a_problem(tmp_path: Path, document: object, what: str):
    (tmp_path / "a.jsonl").write_text('{"text": "hi", "label": "a"}\n{"text": "ho", "label": "b"}\n')
    (tmp_path / "a.entities.json").write_text(json.dumps(document))
    with pytest.raises(DataError, match=what):
        read_annotated(tmp_path / "a.jsonl")
    with pytest.warns(DataWarning, match="left out: files of entity definitions"):
        assert len(read_intents(tmp_path / "a.jsonl")) == 2


def test_a_key_that_occurs_twice_is_no_definition_and_no_entity(tmp_path: Path):
    path = tmp_path / "entities.json"
    path.write_text('{"entities": {"city": {"values": {"Seoul": ["SEL"], "Seoul": ["서울"]}}, "city": {}}}')
    with pytest.raises(DataError, match=r"2 problems(.|\n)*'Seoul' occurs twice(.|\n)*'city' occurs twice"):
        read_definitions(path)
    twice = '[{"start": 0, "start": 4, "end": 9, "entity": "city"}]'
    with pytest.raises(DataError, match=r"rows\[0\]: the key 'start' occurs twice"):
        read_annotated([{**row(), "entities": twice}, {"text": "bye", "label": "b"}])


def test_names_of_entities_are_composed_wherever_they_stand(tmp_path: Path):
    apart = unicodedata.normalize("NFD", "도시")
    path = tmp_path / "a.jsonl"
    marked = [row(entity=f" {apart}"), {"text": "bye", "label": "b"}]
    path.write_text("\n".join(map(json.dumps, marked)), encoding="utf-8")
    (tmp_path / "a.entities.json").write_text(
        json.dumps({"entities": {apart: {"values": {"Busan": []}}, "도시 ": {}}})
    )
    rows, definitions = read_annotated(path)
    assert rows[0].entities[0].entity == "도시"
    assert definitions.to_dict() == {"entities": {"도시": {"values": {"Busan": []}}}}


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Definition(values={"Seoul": "SEL"}),
        lambda: Definition(values=["Seoul"]),  # type: ignore[arg-type]
        lambda: Definition(values={1: ()}),  # type: ignore[dict-item]
        lambda: Definition(patterns="[0-9]+"),
        lambda: Definition(system="date"),
        lambda: Definition(patterns=(1,)),  # type: ignore[arg-type]
        lambda: EntityDefinitions({"city": {"values": {}}}),  # type: ignore[dict-item]
        lambda: EntityDefinitions(synonyms={"Seoul": "SEL"}),
    ],
)
def test_a_text_in_the_place_of_several_is_no_definition(wrong: Callable[[], object]):
    with pytest.raises(ConfigError, match="not "):
        wrong()
    assert Definition(values={"Seoul": ["SEL"]}) == Definition(values={"Seoul": ("SEL",)})


def test_an_entity_that_is_marked_twice_counts_once():
    twice = row()["entities"] * 2  # type: ignore[operator]
    with pytest.warns(DataWarning, match=r"entities that repeat another \(1: rows\[0\]\)"):
        rows, _ = read_annotated([{**row(), "entities": twice}, {"text": "bye", "label": "b"}])
    assert len(rows[0].entities) == 1


def test_an_empty_list_of_rasa_says_something_only_where_others_are_not(tmp_path: Path):
    for name, example in {"greet": "hello", "book": "to [Busan](city)"}.items():
        content = f'version: "3.1"\nnlu:\n- intent: {name}\n  examples: |\n    - {example}\n    - {name}\n'
        (tmp_path / f"{name}.yml").write_text(content, encoding="utf-8")
    rows, _ = read_annotated(tmp_path)
    assert [row.annotated for row in rows] == [True] * 4
    rows, _ = read_annotated(tmp_path / "greet.yml", purpose="evaluation")
    assert [row.annotated for row in rows] == [False] * 2


def test_null_in_a_cell_says_that_nobody_said(tmp_path: Path):
    (tmp_path / "a.csv").write_text("text,label,entities\nhi,x,null\nho,y,\n", encoding="utf-8")
    assert read_intents(tmp_path / "a.csv", entities=True)["entities"][:] == [None, []]


def test_definitions_in_a_folder_are_of_all_its_files(tmp_path: Path):
    for name in ("train", "test"):
        (tmp_path / f"{name}.jsonl").write_text('{"text": "hi", "label": "a"}\n{"text": "ho", "label": "b"}\n')
    (tmp_path / "entities.json").write_text('{"entities": {"city": {"values": {"Seoul": []}}}}')
    rows, definitions = read_annotated(tmp_path, split="test")
    assert len(rows) == 2
    assert list(definitions.entities) == ["city"]
    with pytest.warns(DataWarning, match=r"read with the whole folder \(1: .*entities\.json\)"):
        assert not read_annotated(tmp_path / "test.jsonl")[1]
    (tmp_path / "test.entities.json").write_text("{}")
    assert not read_annotated(tmp_path / "test.jsonl")[1]


def test_a_row_that_leaves_entities_out_has_none_where_others_of_its_file_have_some(tmp_path: Path):
    mark = '[{"start": 0, "end": 2, "entity": "a"}]'
    lines = [f'{{"text": "hi", "label": "x", "entities": {mark}}}', '{"text": "hi", "label": "x"}']
    lines.append('{"text": "hi", "label": "x", "entities": null}')
    (tmp_path / "marked.jsonl").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "plain.csv").write_text("text,label\nhi,x\n", encoding="utf-8")
    (tmp_path / "table.csv").write_text("text,label,entities\nhi,x,\n", encoding="utf-8")
    rows = read_intents(tmp_path, purpose="evaluation", entities=True)
    marked = [None if entities is None else len(entities) for entities in rows["entities"]]
    assert marked == [1, 0, None, None, 0]
