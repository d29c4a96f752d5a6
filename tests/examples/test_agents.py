from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from intent_adapters.data import read_definitions
from intent_adapters.data.reading import read_annotated

AGENTS = Path(__file__).parents[2] / "examples" / "agents"
FOLDERS = sorted(path for language in ("en", "ko") for path in AGENTS.glob(f"{language}/*") if path.is_dir())
DOMAINS = {"clinic", "it_helpdesk", "public_office"}
FILES = ("train.jsonl", "test.jsonl", "out_of_scope.jsonl")


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def entities_in(folder: Path) -> list[str]:
    """The entities that the section of an agent in its README says something of."""
    readme = (folder.parent / "README.md").read_text(encoding="utf-8")
    section = readme.split(f"\n## `{folder.name}`\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `(\w+)` \|", section.split("| Entity |")[1], re.MULTILINE)


def squeezed(text: str) -> str:
    """The text without case, spaces and punctuation, so that trivial variants count as the same."""
    return re.sub(r"[\W_]+", "", text.casefold())


@pytest.fixture(params=FOLDERS, ids=lambda folder: f"{folder.parent.name}-{folder.name}")
def folder(request: pytest.FixtureRequest) -> Path:
    return request.param


def test_english_has_the_three_domains():
    assert {path.name for path in FOLDERS if path.parent.name == "en"} == DOMAINS


@pytest.mark.parametrize("file", FILES)
def test_every_line_is_one_text_with_one_label(folder: Path, file: str):
    rows = read(folder / file)
    assert rows
    for number, row in enumerate(rows, start=1):
        assert list(row)[:2] == ["text", "label"], f"{file}, line {number}: {row}"
        assert set(row) <= {"text", "label", "entities"}, f"{file}, line {number}: {row}"
        for value in (row["text"], row["label"]):
            assert isinstance(value, str), f"{file}, line {number}: {row}"
            assert value == value.strip(), f"{file}, line {number}: space around {value!r}"
        assert squeezed(row["text"]), f"{file}, line {number}: no letters in {row['text']!r}"
        assert re.fullmatch(r"[^\W_]+(_[^\W_]+)*", row["label"]), (
            f"{file}, line {number}: {row['label']!r} is not snake_case"
        )
        assert row["label"] == row["label"].lower(), f"{file}, line {number}: {row['label']!r} is not in lower case"


def test_train_and_test_have_the_same_twenty_or_more_intents(folder: Path):
    train, test = (Counter(row["label"] for row in read(folder / file)) for file in ("train.jsonl", "test.jsonl"))
    assert set(train) == set(test)
    assert "out_of_scope" not in train
    assert len(train) >= 20
    assert min(train.values()) >= 4, f"too few to train on: {train.most_common()[-1]}"
    assert min(test.values()) >= 4, f"too few to test on: {test.most_common()[-1]}"


def test_out_of_scope_has_thirty_or_more_utterances_and_only_its_own_label(folder: Path):
    rows = read(folder / "out_of_scope.jsonl")
    assert len(rows) >= 30
    assert {row["label"] for row in rows} == {"out_of_scope"}


def test_no_utterance_occurs_twice_within_or_across_the_files(folder: Path):
    places: dict[str, list[str]] = {}
    for file in FILES:
        for number, row in enumerate(read(folder / file), start=1):
            places.setdefault(squeezed(row["text"]), []).append(f"{file}:{number} {row['text']!r}")
    assert not [found for found in places.values() if len(found) > 1]


@pytest.mark.parametrize("file", FILES)
def test_every_entity_is_a_span_of_its_text_and_of_a_type_that_is_described(folder: Path, file: str):
    described = entities_in(folder)
    for number, row in enumerate(read(folder / file), start=1):
        end = 0
        assert row.get("entities") != [], f"{file}, line {number}: no key where nothing is marked"
        for mark in row.get("entities", []):
            place = f"{file}, line {number}: {mark}"
            assert {"start", "end", "entity"} <= set(mark) <= {"start", "end", "entity", "value"}, place
            assert end <= mark["start"] < mark["end"] <= len(row["text"]), place
            end = mark["end"]
            span = row["text"][mark["start"] : end]
            assert span == span.strip(), place
            assert mark["entity"] in described, place
            assert mark.get("value", "another") not in ("", span), place


def test_each_type_is_described_defined_and_marked(folder: Path):
    described = entities_in(folder)
    assert described == entities_in(folder.parents[1] / "en" / folder.name)
    assert list(read_definitions(folder / "entities.json").entities) == described
    marked = set()
    for split in ("train", "test"):
        rows, definitions = read_annotated(folder, split=split)
        assert list(definitions.entities) == described
        marked |= {mark.entity for row in rows for mark in row.entities}
    assert marked == set(described)
