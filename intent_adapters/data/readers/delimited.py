"""Comma- and tab-separated files, first line the column names."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

from intent_adapters.data.columns import are_column_names
from intent_adapters.data.problems import Problems
from intent_adapters.data.readers.text_file import read_text
from intent_adapters.data.table import Record, Table, check_names
from intent_adapters.errors import shorten

DELIMITERS = ",;\t|"
# What Excel reads and writes to say which separator a file has.
_SEPARATOR_LINE = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)


def read_delimited(path: Path, problems: Problems, encoding: str | None = None) -> Table:
    r"""Reads a csv or tsv file; a record's place is the line that it starts on.

    The separator is what a first line such as ``sep=;`` says, a tab in .tsv files, else the first of ``, ; \t |`` that
    the line of the column names has. A field that holds the separator, a quotation mark or a line break stands in
    double quotes, in which a quotation mark is doubled. Empty lines do not count; rows of empty fields are left out.

    Raises:
        DataError: The file cannot be read, or a column name occurs twice.
    """
    lines = _split(path, read_text(path, encoding), problems)
    start, header = next(lines, (1, []))
    columns = [name.strip() for name in header]
    check_names(f"{path}:{start}", columns)
    records = []
    for line, fields in lines:
        place = f"{path}:{line}"
        if are_column_names(fields, columns):
            cure = "delete the line where two files were joined, or, if this is data, call the columns something else"
            problems.add(place, f"column names in the middle of the file: {shorten(fields)}", cure)
        elif len(fields) == len(columns):
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


def _split(path: Path, text: str, problems: Problems) -> Iterator[tuple[int, list[str]]]:
    hint = _SEPARATOR_LINE.match(text)
    above, delimiter = (1, hint[1]) if hint else (0, _delimiter(path, text))
    text = text[hint.end() :] if hint else text
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=True)
    while True:
        line = above + reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            cure = 'close every quotation mark, and write a quotation mark inside quotes twice ("")'
            problems.add(f"{path}:{line}", f"the quotation marks of the row do not balance ({error})", cure)
            return
        if any(field.strip() for field in fields):
            yield line, fields
        elif fields:  # spreadsheets leave rows of separators alone
            problems.leave_out("blank rows", f"{path}:{line}")
