from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intent_adapters.data import read_intents
from intent_adapters.data.example_file import ExampleFile
from intent_adapters.data.validation import reduced
from intent_adapters.errors import ConfigError, DataError

words = st.text(st.sampled_from("ab가,;\"'\t\n\r| "), min_size=1, max_size=8).filter(str.strip)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(texts=st.lists(words, min_size=1, max_size=5, unique_by=reduced))
def test_what_was_added_is_what_is_read(suffix: str, texts: list[str]):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"fixes{suffix}")
        for text in texts:
            assert ExampleFile(path).add(text, "an intent, with comma")
        found = read_intents(path, purpose="evaluation")
    assert [reduced(text) for text in found["text"]] == [reduced(text) for text in texts]
    assert set(found["label"]) == {"an intent, with comma"}


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.csv", "", '\ufeff"text","label"\n"안녕","greet"\n'),
        ("a.csv", "id;의도;발화\n1;leave;bye", 'id;의도;발화\n1;leave;bye\n"";"greet";"안녕"\n'),
        ("a.csv", "sep=|\nlabel|text\n", 'sep=|\nlabel|text\n"greet"|"안녕"\n'),
        (
            "a.jsonl",
            '{"intent": "leave", "query": "bye"}',
            '{"intent": "leave", "query": "bye"}\n{"query": "안녕", "intent": "greet"}\n',
        ),
    ],
)
def test_what_is_there_stays_as_it_is(tmp_path: Path, name: str, content: str, expected: str):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    assert ExampleFile(path).add(" 안녕 ", "greet")
    assert path.read_text(encoding="utf-8") == expected


def test_a_text_is_there_once(tmp_path: Path):
    file = ExampleFile(tmp_path / "a.csv")
    assert (file.add("hi", "greet"), file.add(" hi", "greet"), ExampleFile(file.path).add("hi", "greet")) == (
        True,
        False,
        False,
    )
    before = file.path.read_bytes()
    for again in (file, ExampleFile(file.path)):
        with pytest.raises(DataError, match="the text is there with the label 'greet'; change it in the file"):
            again.add("hi", "leave")
    assert file.path.read_bytes() == before


def test_texts_without_a_label_get_one(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text("text,label\nhi,\n", encoding="utf-8")
    assert ExampleFile(path).add("hi", "greet")


@pytest.mark.parametrize(
    ("name", "content", "error", "message"),
    [
        ("a.xlsx", "", ConfigError, "must end in .csv or .jsonl"),
        ("nowhere/a.csv", None, ConfigError, "no folder"),
        ("a.csv", "a,b\n1,2\n", DataError, "no column looks like the text"),
        ("a.csv", 'text,label\n"hi,greet\n', DataError, "quotation marks"),
        ("a.jsonl", '[{"text": "hi", "label": "greet"}]', DataError, "one array"),
    ],
)
def test_files_that_cannot_grow(tmp_path: Path, name: str, content: str | None, error: type[Exception], message: str):
    if content is not None:
        (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(error, match=message):
        ExampleFile(tmp_path / name)


def test_what_cannot_be_trained_on_is_not_added(tmp_path: Path):
    file = ExampleFile(tmp_path / "a.csv")
    for text, label in ((" ", "greet"), ("hi", ""), ("h\0i", "greet"), ("hi", "a\nb")):
        with pytest.raises(DataError):
            file.add(text, label)
    assert not file.path.exists()


def test_no_spreadsheet_runs_what_a_user_wrote(tmp_path: Path):
    path = tmp_path / "fixes.csv"
    ExampleFile(path).add("=1+1", "price")
    assert '" =1+1"' in path.read_text(encoding="utf-8-sig")
    assert not ExampleFile(path).add("=1+1", "price")  # it is known again
    assert read_intents(path, purpose="evaluation")["text"][:] == ["=1+1"]
