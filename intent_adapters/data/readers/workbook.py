"""The sheets of an Excel workbook (.xlsx), first row the column names."""

from __future__ import annotations

import dataclasses
import datetime
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from intent_adapters.data.problems import Problems, data_error, reason_of
from intent_adapters.data.readers.delimited import table_of_lines
from intent_adapters.data.table import Table
from intent_adapters.extras import need

MAX_UNPACKED_BYTES = 2**28
_CURE = "open it in a spreadsheet program and save it as .xlsx again"


def read_workbook(path: Path, problems: Problems, sheet: str | None = None) -> Table:
    """Reads a sheet: the one named, or else the only one with rows; a record's place is its row.

    Hidden sheets and cells below no column name are left out, and said. A formula is what was last computed for it, an
    error nothing; numbers and dates become text (`3`, `2026-11-29`).
    """
    _check_archive(path)
    openpyxl = need("openpyxl")
    sheets: dict[str, list[tuple[int, list[str]]]] = {}
    try:
        with warnings.catch_warnings(action="ignore"):  # of charts and the like
            book = openpyxl.load_workbook(path, read_only=True, data_only=True)
            for page in book.worksheets:
                if page.sheet_state == "visible":
                    sheets[page.title] = list(_rows(page))
                else:
                    problems.leave_out("hidden sheets", f"{path}:{page.title}")
            book.close()
    # Damaged XML, and what it refers to, each raise errors of their own.
    except Exception as error:
        raise data_error(str(path), f"not a readable workbook ({reason_of(error)})", _CURE) from error
    if sheet not in sheets:
        filled = [title for title, rows in sheets.items() if rows]
        if len(filled) > 1:
            names = ", ".join(map(repr, filled))
            raise data_error(str(path), f"several sheets have rows: {names}", "choose one with split=")
        if not filled:
            return Table.of_records(str(path), [])
        sheet = filled[0]
    return dataclasses.replace(table_of_lines(str(path), _lines(path, sheets[sheet], problems), problems), part=sheet)


def _check_archive(path: Path) -> None:
    """Refuses what is no zip archive, or would fill the memory when it is unpacked."""
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        cure = f"{_CURE}, without a password"
        raise data_error(str(path), f"not a readable workbook ({error})", cure) from error
    if size > MAX_UNPACKED_BYTES:
        what = f"the workbook is larger than {MAX_UNPACKED_BYTES >> 20} MiB when it is unpacked"
        raise data_error(str(path), what, "export the sheet as CSV UTF-8")


def _rows(page: Any) -> Iterator[tuple[int, list[str]]]:
    """The rows of a sheet that hold anything, with their numbers."""
    page.reset_dimensions()  # what a file says of its size may be far from true
    for number, cells in enumerate(page.iter_rows(), start=1):
        values = ["" if cell.data_type == "e" else _shown(cell.value) for cell in cells]
        if any(values):
            yield number, values


def _lines(path: Path, rows: list[tuple[int, list[str]]], problems: Problems) -> Iterator[tuple[str, list[str]]]:
    """The columns that have a name."""
    named = [column for column, name in enumerate(rows[0][1]) if name.strip()] if rows else []
    for number, values in rows:
        place = f"{path}:row {number}"
        if any(value.strip() for column, value in enumerate(values) if column not in named):
            problems.leave_out("rows with cells below no column name", place)
        fields = [values[column] if column < len(values) else "" for column in named]
        if any(field.strip() for field in fields):
            yield place, fields
        else:
            problems.leave_out("blank rows", place)


def _shown(value: object) -> str:
    """The value of a cell as a spreadsheet program shows it, if it is not told otherwise."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return str(value.date())
    return str(value)
