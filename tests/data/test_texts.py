from __future__ import annotations

from pathlib import Path

import pytest
from datasets import Dataset

from intent_adapters.data import read_texts, texts_of
from intent_adapters.errors import DataError


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "text,label\n날씨 어때?,oos\n hi ,oos\n"),
        ("a.csv", "text\n날씨 어때?\nhi\n"),
        ("a.jsonl", '{"utterance": "날씨 어때?"}\n{"utterance": "hi"}\n'),
        ("a.txt", "\ufeff날씨 어때?\r\n\n  \n hi"),
        ("a.TXT", "날씨 어때?\nhi\n"),
    ],
)
def test_files_with_and_without_labels(tmp_path: Path, name: str, content: str):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    assert read_texts(path) == read_texts(str(path)) == ["날씨 어때?", "hi"]


def test_a_column_and_an_encoding_can_be_named(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text("body,text\n안녕,x\n", encoding="cp949")
    assert read_texts(path, text_column="body", encoding="cp949") == ["안녕"]


def test_a_folder_is_read_as_labelled_rows(tmp_path: Path):
    (tmp_path / "chatter.txt").write_text("hi\nhello\n")
    assert read_texts(tmp_path) == ["hi", "hello"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", "", "the file is empty"),
        ("a.csv", "text\nhi\n\u200b\n", r"a\.csv:3: the text is empty"),
        ("a.csv", "label\noos\n", "no column looks like the text"),
        ("a.jsonl", '{"text": 5}\n', r"a\.jsonl:1: the text is not a string"),
        ("a.ods", "x", "export the sheet as CSV"),
    ],
)
def test_bad_files(tmp_path: Path, name: str, content: str, message: str):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_texts(path)


def test_a_file_that_is_not_there():
    with pytest.raises(DataError, match=r"nowhere\.csv"):
        read_texts("./nowhere.csv")


def test_rows_in_memory():
    assert texts_of(["hi ", "hello"]) == ["hi", "hello"]
    assert texts_of([{"text": "hi", "label": 3}, {"text": "hello"}]) == ["hi", "hello"]
    assert texts_of(Dataset.from_dict({"text": ["hi", "hello"], "n": [1, 2]})) == ["hi", "hello"]
    assert texts_of([{"utterance": "hi"}, {"utterance": "hello"}]) == ["hi", "hello"]
    assert texts_of(["hi", {"text": "hello"}]) == ["hi", "hello"]


def test_lines_of_a_text_file_end_where_editors_end_them(tmp_path: Path):
    path = tmp_path / "a.txt"
    for content in ("hi\r\nhello\u2028there\r\n", "hi\rhello\u2028there\r", "hi\nhello\u2028there"):
        path.write_bytes(content.encode())
        assert read_texts(path) == ["hi", "hello\u2028there"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("hi", "give a list of texts"),
        (7, "give a list of texts"),
        ([], "there are no utterances"),
        (["hi", ""], r"rows\[1\]: the text is empty"),
        ([{"label": "x"}], "no column looks like the text"),
        ([{"text": "hi"}, {"label": "x"}], r"rows\[1\]: the text is missing"),
        (["hi", {"text": ""}], r"rows\[1\]: the text is empty"),
        ([3], r"rows\[0\]: the text is not a string but int 3"),
    ],
)
def test_bad_rows_in_memory(rows, message):
    with pytest.raises(DataError, match=message):
        texts_of(rows)
