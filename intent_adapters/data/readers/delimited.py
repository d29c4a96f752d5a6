"""Comma- and tab-separated files, first line the column names."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from intent_adapters.data.problems import Problems, data_error
from intent_adapters.data.readers.text_file import read_text
from intent_adapters.data.table import Record, Table
from intent_adapters.errors import shorten

DELIMITERS = ",;\t|"


def read_delimited(path: Path, problems: Problems, encoding: str | None = None) -> Table:
    r"""Reads a csv or tsv file; a record's place is the line that it starts on.

    The separator is a tab in .tsv files, else the first of ``, ; \t |`` that the first line has. A field that holds
    the separator, a quotation mark or a line break stands in double quotes, in which a quotation mark is doubled.
    Empty lines are skipped.

    Raises:
        DataError: if the file cannot be read, or a column name occurs twice.
    """
    text = read_text(path, encoding)
    lines = _split(path, text, _delimiter(path, text), problems)
    _, header = next(lines, (1, []))
    columns = [name.strip() for name in header]
    repeated = sorted({name for name in columns if name and columns.count(name) > 1})
    if repeated:
        raise data_error(f"{path}:1", f"column {repeated[0]!r} occurs twice", "give each column its own name")
    records = []
    for line, fields in lines:
        place = f"{path}:{line}"
        if len(fields) == len(columns):
            records.append(Record(place, dict(zip(columns, fields, strict=True))))
        else:
            what = f"fields: {len(fields)}, column names: {len(columns)}, row: {shorten(fields)}"
            problems.add(place, what, "put a text that holds the separator in double quotes")
    return Table(str(path), columns, records)


def _delimiter(path: Path, text: str) -> str:
    if ".tsv" in (suffix.lower() for suffix in path.suffixes[-2:]):
        return "\t"
    first_line = text.lstrip("\r\n").split("\n", 1)[0]
    return next((delimiter for delimiter in DELIMITERS if delimiter in first_line), ",")


def _split(path: Path, text: str, delimiter: str, problems: Problems) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=True)
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            cure = 'close every quotation mark, and write a quotation mark inside quotes twice ("")'
            problems.add(f"{path}:{line}", f"the quotation marks of the row do not balance ({error})", cure)
            return
        if any(field.strip() for field in fields):  # spreadsheets leave rows of separators alone
            yield line, fields
