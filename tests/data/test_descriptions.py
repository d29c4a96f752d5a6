"""Descriptions of intents from files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from intent_adapters.data import read_descriptions
from intent_adapters.errors import DataError

EXPECTED = {"ask_parking": ["where to leave the car"], "비용": ["얼마인지", "yes"]}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", '{\n\t"ask_parking": " where to leave the car ", "비용": ["얼마인지", "yes"]}'),
        ("a.JSON", json.dumps(EXPECTED)),
        ("a.yml", "ask_parking: where to leave the car\n비용:\n  - 얼마인지\n  - yes\n"),
        ("a.yaml", json.dumps(EXPECTED, ensure_ascii=False)),
    ],
)
def test_json_and_yaml_with_texts_and_lists(tmp_path: Path, name: str, content: str):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    assert read_descriptions(path) == read_descriptions(str(path)) == EXPECTED


def test_characters_beyond_the_basic_plane_and_other_encodings(tmp_path: Path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"joy": "😀"}), encoding="utf-8")
    assert read_descriptions(path) == {"joy": ["😀"]}
    path.write_text('{"비용": "얼마인지"}', encoding="cp949")
    assert read_descriptions(path, encoding="cp949") == {"비용": ["얼마인지"]}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", '{"a": "x", "a": "y"}', "'a' stands here a second time"),
        ("a.yml", "a: x\na: y\n", r"a\.yml:2: 'a' stands here a second time"),
        ("a.json", '["a", "x"]', "no object"),
        ("a.json", '{"a": "x"', "broken JSON"),
        ("a.json", "[" * 100_000, "broken JSON"),
        ("a.yml", "- a\n- b\n", "no object"),
        ("a.yml", "a: [x\n", r"a\.yml:2: broken YAML"),
        ("a.yml", "a: &x text\nb: *x\n", "alias"),
        ("a.yml", "a:\n", "the text is empty"),
        ("a.json", '{"a": []}', "there is no description of 'a'"),
        ("a.json", '{"a": [["x"]]}', "not a string but list"),
        ("a.json", '{"a": {"b": "c"}}', "not a string but tuple"),
        ("a.yml", "a:\n  b: c\n", "not a string but list"),
        ("a.json", '{"a": null, "b": 5}', "2 problems"),
        ("a.json", '{"": "x"}', "the label is empty"),
        ("a.yml", "? [a, b]\n: x\n", "the label is not a string"),
        ("a.json", "", "the file is empty"),
    ],
)
def test_bad_files(tmp_path: Path, name: str, content: str, message: str):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_descriptions(path)
