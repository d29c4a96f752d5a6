"""Comma- and tab-separated files, first line the column names."""

from __future__ import annotations

import csv
import dataclasses
import io
import re
from collections.abc import Iterable, Iterator
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
    """
    quoted: list[tuple[str, list[str]]] = []
    table = table_of_lines(str(path), _split(path, read_text(path, encoding), problems, quoted), problems)
    lines = [(place, parts) for place, parts in quoted if len(parts) == len(table.columns)]
    records = [Record(place, dict(zip(table.columns, parts, strict=True))) for place, parts in lines]
    return dataclasses.replace(table, quoted=records)


def table_of_lines(origin: str, lines: Iterable[tuple[str, list[str]]], problems: Problems) -> Table:
    """A table whose first line has the column names; the lines come with their places."""
    lines = iter(lines)
    place, header = next(lines, (f"{origin}:1", []))
    columns = [name.strip() for name in header]
    check_names(place, columns)
    records = []
    for place, fields in lines:
        if are_column_names(fields, columns):
            cure = "delete the line where two files were joined, or, if this is data, call the columns something else"
            problems.add(place, f"column names in the middle of the file: {shorten(fields)}", cure)
        elif len(fields) == len(columns):
            records.append(Record(place, dict(zip(columns, fields, strict=True))))
        else:
            what = f"fields: {len(fields)}, column names: {len(columns)}, row: {shorten(fields)}"
            problems.add(place, what, "put a text that holds the separator in double quotes")
    return Table(origin, columns, records)


def separator_of(path: Path, text: str) -> str:
    """What stands between the fields of a csv or tsv file."""
    hint = _SEPARATOR_LINE.match(text)
    if hint:
        return hint[1]
    if ".tsv" in (suffix.lower() for suffix in path.suffixes[-2:]):
        return "\t"
    first_line = text.lstrip("\r\n").split("\n", 1)[0]
    return next((delimiter for delimiter in DELIMITERS if delimiter in first_line), ",")


def _split(
    path: Path, text: str, problems: Problems, quoted: list[tuple[str, list[str]]]
) -> Iterator[tuple[str, list[str]]]:
    """The fields of each row with its place; `quoted` takes the lines inside of quoted fields, split too."""
    hint, delimiter = _SEPARATOR_LINE.match(text), separator_of(path, text)
    above, text = (1, text[hint.end() :]) if hint else (0, text)
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
            if reader.line_num > line - above:
                quoted += [(f"{path}:{line + below}", parts) for below, parts in _quoted_lines(fields, delimiter)]
            yield f"{path}:{line}", fields
        elif fields:  # spreadsheets leave rows of separators alone
            problems.leave_out("blank rows", f"{path}:{line}")


def _quoted_lines(fields: list[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The lines of fields that run over several: how far below the first, and their fields if no quotes were there."""
    below = 0
    for place, field in enumerate(fields):
        lines = field.split("\n")
        for number, line in enumerate(lines):
            parts = line.rstrip("\r").split(delimiter)
            if len(lines) > 1 and len(parts) > 1:
                before = fields[:place] if number == 0 else []
                yield below + number, before + parts + (fields[place + 1 :] if number == len(lines) - 1 else [])
        below += len(lines) - 1
