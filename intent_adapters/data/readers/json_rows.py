"""JSON lines, and JSON files that hold one array of objects."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from intent_adapters.data.problems import Problems
from intent_adapters.data.readers.text_file import read_text
from intent_adapters.data.table import Record, Table
from intent_adapters.errors import shorten

_SPACE = re.compile(r"[ \t\r\n]*")
_CURE = 'write each row as one object, such as {"text": "hello", "label": "greet"}'


def read_json(path: Path, problems: Problems, encoding: str | None = None) -> Table:
    """Reads one object a line, or one array of objects if the file starts with `[`.

    Raises:
        DataError: if the file cannot be read.
    """
    text = read_text(path, encoding)
    values = _array(path, text, problems) if text.lstrip().startswith("[") else _lines(path, text, problems)
    records = []
    for place, value in values:
        if isinstance(value, dict):
            records.append(Record(place, value))
        else:
            problems.add(place, f"not an object but {shorten(value)}", _CURE)
    return Table.of_records(str(path), records) if records else Table(str(path), ["text", "label"])


def _lines(path: Path, text: str, problems: Problems) -> Iterator[tuple[str, object]]:
    # Not splitlines: JSON strings may hold U+2028 and its like unescaped.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        place = f"{path}:{number}"
        try:
            yield place, json.loads(line)
        except (ValueError, RecursionError) as error:
            problems.add(place, f"broken JSON ({_reason(error)}): {shorten(line.strip())}", _CURE)


def _array(path: Path, text: str, problems: Problems) -> Iterator[tuple[str, object]]:
    decoder = json.JSONDecoder()
    position = _skip(text, text.index("[") + 1)
    line, counted = 1, 0
    while text[position : position + 1] != "]":
        line, counted = line + text.count("\n", counted, position), position
        try:
            value, position = decoder.raw_decode(text, position)
        except (ValueError, RecursionError) as error:
            broken = text[position : position + 80]
            problems.add(f"{path}:{line}", f"broken JSON ({_reason(error)}): {shorten(broken)}", _CURE)
            return
        yield f"{path}:{line}", value
        position = _skip(text, position)
        if text[position : position + 1] == ",":
            position = _skip(text, position + 1)
        elif text[position : position + 1] != "]":
            line += text.count("\n", counted, position)
            what = f"broken JSON (a comma or ] should follow): {shorten(text[position : position + 80])}"
            problems.add(f"{path}:{line}", what, "separate the objects by commas and close the array with ]")
            return


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return error.msg
    return "nested too deeply" if isinstance(error, RecursionError) else str(error).split(";")[0]
