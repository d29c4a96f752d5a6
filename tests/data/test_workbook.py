from __future__ import annotations

import datetime
import zipfile
from pathlib import Path
from typing import Any

import pytest

from intent_adapters.data import PairSource, read_intents, read_pairs, read_texts
from intent_adapters.data.readers import workbook
from intent_adapters.errors import DataError, DataWarning

openpyxl = pytest.importorskip("openpyxl", reason="needs the extra xlsx")

ROWS = [("내용", "분류"), ("객실을 바꿔 주세요", "change"), ("조식은 몇 시예요?", "breakfast")]


def save(path: Path, sheets: dict[str, list[tuple[Any, ...]]], hidden: tuple[str, ...] = ()) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
        sheet.sheet_state = "hidden" if title in hidden else "visible"
    book.save(path)
    return path


def test_the_one_sheet_with_rows_is_read(tmp_path: Path):
    path = save(tmp_path / "a.xlsx", {"empty": [], "문의": ROWS})
    assert [tuple(row.values()) for row in read_intents(path)] == ROWS[1:]
    assert read_texts(path) == [text for text, _ in ROWS[1:]]


def test_of_several_sheets_one_is_chosen(tmp_path: Path):
    path = save(tmp_path / "a.xlsx", {"하나": ROWS, "둘": [("text", "label"), ("a", "x"), ("b", "y")]})
    with pytest.raises(DataError, match="several sheets have rows: '하나', '둘'; choose one with split="):
        read_intents(path)
    assert read_intents(path, split="둘")["text"][:] == ["a", "b"]
    pairs = save(tmp_path / "p.xlsx", {"one": [("anchor", "positive"), ("a", "b")], "two": [("x",), ("y",)]})
    assert len(read_pairs(PairSource(str(pairs), split="one"))) == 1


def test_a_sheet_may_have_a_column_of_splits(tmp_path: Path):
    rows = [("text", "label", "split"), ("a", "x", "train"), ("b", "y", "train"), ("c", "y", "test")]
    path = save(tmp_path / "a.xlsx", {"all": rows})
    assert read_intents(path, split="train")["text"][:] == ["a", "b"]
    assert len(read_intents(path, split="test", purpose="evaluation")) == 1


def test_values_become_text(tmp_path: Path):
    values = [3, 2.0, 0.1, True, datetime.date(2026, 1, 2), datetime.datetime(2026, 1, 2, 9, 30), "=1+1 "]
    rows = [("text", "label"), *((value, f"intent {i}") for i, value in enumerate(values[:-1])), ("hi", 7)]
    found = read_intents(save(tmp_path / "a.xlsx", {"s": rows}))
    assert found["text"][:] == ["3", "2", "0.1", "TRUE", "2026-01-02", "2026-01-02 09:30:00", "hi"]
    assert found["label"][-1] == "7"


def test_what_is_left_out_is_said(tmp_path: Path):
    rows = [(None, *ROWS[0], None), (), (1, *ROWS[1]), (2, " ", None), (None, *ROWS[2], "a note"), (None, " ", "")]
    path = save(tmp_path / "a.xlsx", {"s": rows, "lists": [("x",)]}, hidden=("lists",))
    with pytest.warns(DataWarning) as caught:
        assert len(read_intents(path)) == 2
    (message,) = (str(warning.message) for warning in caught)
    assert f"hidden sheets (1: {path}:lists)" in message
    assert f"rows with cells below no column name (3: {path}:row 3, {path}:row 4, {path}:row 5)" in message
    assert f"blank rows (2: {path}:row 4, {path}:row 6)" in message


def test_problems_name_the_row_that_the_spreadsheet_shows(tmp_path: Path):
    path = save(tmp_path / "a.xlsx", {"s": [*ROWS, (), ("문의", None), ("#N/A", "change"), ("=A1", "change")]})
    with pytest.raises(DataError) as caught:
        read_intents(path)
    for part in ("row 5: the label is empty", "row 6: the text is empty", "row 7: the text is empty"):
        assert part in str(caught.value)


@pytest.mark.parametrize("sheets", [{"a": []}, {"a": [("text", "label")]}])
def test_without_rows(tmp_path: Path, sheets: dict[str, Any]):
    with pytest.raises(DataError, match="there are no rows"):
        read_intents(save(tmp_path / "a.xlsx", sheets))


def test_a_sheet_that_lies_about_its_size_is_read(tmp_path: Path):
    path = save(tmp_path / "a.xlsx", {"s": ROWS})
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = "xl/worksheets/sheet1.xml"
    parts[name] = parts[name].replace(b'ref="A1:B3"', b'ref="A1:XFD1048576"')
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    assert len(read_intents(path)) == 2


def test_a_workbook_that_would_fill_the_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(workbook, "MAX_UNPACKED_BYTES", 1 << 10)
    with pytest.raises(DataError, match="larger than 0 MiB when it is unpacked"):
        read_intents(save(tmp_path / "a.xlsx", {"s": ROWS}))


def test_a_damaged_workbook_is_refused(tmp_path: Path):
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
    with pytest.raises(DataError, match="not a readable workbook"):
        read_intents(path)


def test_a_workbook_beside_other_files_of_a_folder_is_left_out_and_said(tmp_path: Path):
    save(tmp_path / "a.xlsx", {"s": ROWS})
    assert len(read_intents(tmp_path)) == 2
    (tmp_path / "b.csv").write_text("text,label\nhi,greet\nbye,leave\n", encoding="utf-8")
    with pytest.warns(DataWarning, match=r"other files \(1: [^,]*a\.xlsx\)"):
        assert read_intents(tmp_path)["text"][:] == ["hi", "bye"]
