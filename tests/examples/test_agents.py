from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

AGENTS = Path(__file__).parents[2] / "examples" / "agents"
FOLDERS = sorted(path for language in ("en", "ko") for path in AGENTS.glob(f"{language}/*") if path.is_dir())
DOMAINS = {"clinic", "it_helpdesk", "public_office"}
FILES = ("train.jsonl", "test.jsonl", "out_of_scope.jsonl")


def read(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


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
        assert set(row) == {"text", "label"}, f"{file}, line {number}: {row}"
        for value in row.values():
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
