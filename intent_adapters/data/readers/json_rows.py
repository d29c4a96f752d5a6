"""JSON lines, JSON files that hold one array of objects, and exports that are JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from intent_adapters.data.json_text import Decoder
from intent_adapters.data.problems import Problems, data_error
from intent_adapters.data.readers.exports import read_document
from intent_adapters.data.readers.exports.clu import is_clu_utterance, read_clu_utterances
from intent_adapters.data.readers.text_file import read_text
from intent_adapters.data.table import Record, Table
from intent_adapters.errors import shorten

_SPACE = re.compile(r"[ \t\r\n]*")
_CURE = 'write each row as one object, such as {"text": "hello", "label": "greet"}'


def read_json(path: Path, problems: Problems, encoding: str | None = None) -> Table:
    """Reads one object a line, one array of objects if the file starts with `[`, or another product's export."""
    text = read_text(path, encoding)
    decoder = Decoder()
    if text.lstrip().startswith("["):
        values = _array(path, text, decoder, problems)
    else:
        table = _document(path, text, decoder, problems)
        if table is not None:
            return table
        values = _lines(path, text, decoder, problems)
    rows = []
    for place, value in values:
        decoder.report(place, problems)
        if isinstance(value, dict):
            rows.append((place, value))
        else:
            problems.add(place, f"not an object but {shorten(value)}", _CURE)
    if any(is_clu_utterance(row) for _, row in rows):
        return read_clu_utterances(str(path), rows, problems)
    return Table.of_records(str(path), [Record(place, row) for place, row in rows])


def _document(path: Path, text: str, decoder: Decoder, problems: Problems) -> Table | None:
    """The rows of an export, if the file is one; any other object over several lines is an error."""
    start = _skip(text, 0)
    try:
        value, end = decoder.raw_decode(text, start)
    except (ValueError, RecursionError):
        return None  # the lines will tell
    if not isinstance(value, dict):
        return None
    table = read_document(str(path), value, problems)
    if table is not None:
        decoder.report(f"{path}:1", problems)
        if text[end:].strip():
            problems.add(f"{path}:1", "more follows behind the closing } of the export", "keep one export a file")
    elif "\n" in text[start:end]:
        what = f"this is one JSON object over several lines with the keys {', '.join(map(shorten, list(value)[:10]))}"
        raise data_error(f"{path}:1", f"{what}, and not rows", f"{_CURE}, in one line")
    return table


def _lines(path: Path, text: str, decoder: Decoder, problems: Problems) -> Iterator[tuple[str, object]]:
    # Not splitlines: JSON strings may hold U+2028 and its like unescaped.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        place = f"{path}:{number}"
        try:
            value: object = decoder.decode(line)
        except (ValueError, RecursionError) as error:
            problems.add(place, f"broken JSON ({_reason(error)}): {shorten(line.strip())}", _CURE)
        else:
            yield place, value


def _array(path: Path, text: str, decoder: Decoder, problems: Problems) -> Iterator[tuple[str, object]]:
    position = _skip(text, text.index("[") + 1)
    line, counted = 1, 0

    def place() -> str:
        nonlocal line, counted
        line, counted = line + text.count("\n", counted, position), position
        return f"{path}:{line}"

    while text[position : position + 1] != "]":
        here = place()
        try:
            value, position = decoder.raw_decode(text, position)
        except (ValueError, RecursionError) as error:
            broken = text[position : position + 80]
            problems.add(here, f"broken JSON ({_reason(error)}): {shorten(broken)}", _CURE)
            return
        yield here, value
        position = _skip(text, position)
        if text[position : position + 1] == ",":
            position = _skip(text, position + 1)
        elif text[position : position + 1] != "]":
            what = f"broken JSON (a comma or ] should follow): {shorten(text[position : position + 80])}"
            problems.add(place(), what, "separate the objects by commas and close the array with ]")
            return
    position = _skip(text, position + 1)
    if position < len(text):
        what = f"more follows behind the closing ]: {shorten(text[position : position + 80])}"
        problems.add(place(), what, "write all rows in one array")


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return error.msg
    return "nested too deeply" if isinstance(error, RecursionError) else str(error).split(";")[0]
