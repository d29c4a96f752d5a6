"""Whatever becomes of a file: an utterance in it is a row, or somebody was told why it is none."""

from __future__ import annotations

import json
import re
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset, DatasetDict
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from intent_adapters.data import read_intents, read_pairs
from intent_adapters.errors import DataError, DataWarning

quick = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])

# Rows as people leave them: blank, repeated, in other words the names of the columns; and what is missing altogether.
values = st.sampled_from(["", " ", "hi", "hi ", "bye", "예약", "text", "label", "# x", "- y", "\ufeffz", None])
tables = st.lists(st.tuples(values, values), max_size=8)


def said(caught: list[warnings.WarningMessage]) -> int:
    """How many things the warnings of this package count as left out."""
    messages = [str(warning.message) for warning in caught if issubclass(warning.category, DataWarning)]
    return sum(int(count) for message in messages for count in re.findall(r"\((\d+): ", message))


def write_delimited(path: Path, rows: list[tuple[str | None, str | None]]) -> None:
    separator = "\t" if path.suffix == ".tsv" else ","
    lines = [separator.join(f'"{value or ""}"' for value in row) for row in [("text", "label"), *rows]]
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def write_lines(path: Path, rows: list[tuple[str | None, str | None]]) -> None:
    path.write_text("".join(json.dumps({"text": a, "label": b}) + "\n" for a, b in rows) or "\n", encoding="utf-8")


def write_array(path: Path, rows: list[tuple[str | None, str | None]]) -> None:
    path.write_text(json.dumps([{"text": a, "label": b} for a, b in rows], indent=1), encoding="utf-8")


def write_parquet(path: Path, rows: list[tuple[str | None, str | None]]) -> None:
    columns = {"text": [a for a, _ in rows], "label": [b for _, b in rows]}
    pq.write_table(pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()}), path)


def write_rasa(path: Path, rows: list[tuple[str | None, str | None]]) -> None:
    entries = [f"- intent: {json.dumps(b or '')}\n  examples:\n  - text: {json.dumps(a or '')}\n" for a, b in rows]
    path.write_text("nlu:\n" + ("".join(entries) or "  []\n"), encoding="utf-8")


def write_workbook(path: Path, rows: list[tuple[str | None, str | None]]) -> None:
    book = pytest.importorskip("openpyxl").Workbook()
    for row in [("text", "label"), *rows]:
        book.active.append([value or " " for value in row])  # an empty cell is none
    book.save(path)


def write_saved(path: Path, rows: list[tuple[str | None, str | None]]) -> None:
    columns = {"text": [a for a, _ in rows], "label": [b for _, b in rows]}
    DatasetDict({"train": Dataset.from_dict(columns)}).save_to_disk(path)


WRITERS: dict[str, Callable[[Path, list[tuple[str | None, str | None]]], None]] = {
    "a.csv": write_delimited,
    "a.tsv": write_delimited,
    "a.jsonl": write_lines,
    "a.json": write_array,
    "a.parquet": write_parquet,
    "a.yml": write_rasa,
    "a.xlsx": write_workbook,
    "saved": write_saved,
}


@pytest.mark.parametrize("purpose", ["training", "evaluation"])
@pytest.mark.parametrize("name", WRITERS)
@settings(quick, max_examples=40)
@given(rows=tables)
@example(rows=[("hi", "a"), ("", ""), ("hi", "a"), ("bye", "b")])
def test_rows_in_are_rows_out_and_rows_that_are_said(name, purpose, rows):
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        WRITERS[name](Path(folder, name), rows)
        try:
            found = read_intents(Path(folder, name), purpose=purpose)
        except DataError:
            return
    assert len(found) + said(caught) == len(rows)


@quick
@given(rows=tables)
def test_pairs_in_are_pairs_out_and_pairs_that_are_said(rows):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = read_pairs([{"anchor": a, "positive": b} for a, b in rows])
        except DataError:
            return
    assert len(found) + said(caught) == len(rows)


# Whole files in which every utterance is a word of its own, so that it is easily found again.
FILES = {
    "a.csv": 'text,label\nu01,a\n"u02, u03",b\nu04,b\n',
    "a.tsv": "text\tlabel\nu01\ta\nu02\tb\nu03\tb\n",
    "a.jsonl": '{"text": "u01", "label": "a"}\n{"text": "u02", "label": "b"}\n{"text": "u03", "label": "b"}\n',
    "a.json": '[{"text": "u01", "label": "a"},\n {"text": "u02", "label": "b"},\n {"text": "u03", "label": "b"}]\n',
    "a.yml": "nlu:\n- intent: a\n  examples: |\n    - u01\n    - u02\n- intent: b\n  examples: |\n    - u03\n"
    "- intent: c\n  examples:\n  - text: u04\n  - text: |\n      u05\n- intent: d\n  examples: |\n    - u06\n",
    "a/b.txt": "u01\nu02\n",
}
slips = st.sampled_from(
    [
        "",
        "\n",
        "\r",
        "\n\n",
        ",",
        ";",
        "\t",
        '"',
        "#",
        "# ",
        "-",
        "- ",
        ">",
        ":",
        "x",
        " ",
        "  ",
        "{",
        "}",
        "[",
        "]",
        "\ufeff",
    ]
)


@pytest.mark.parametrize("name", FILES)
@settings(quick, max_examples=150)
@given(data=st.data())
def test_no_slip_of_the_pen_loses_an_utterance_in_silence(name, data):
    content = FILES[name]
    start = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(start, min(start + 4, len(content))))
    kept = content[start:end]
    changed = (
        content[:start] + data.draw(st.sampled_from([data.draw(slips), kept + kept, kept.title()])) + content[end:]
    )
    check_nothing_is_lost(name, changed)


@pytest.mark.parametrize("name", FILES)
@settings(quick, max_examples=100)
@given(data=st.data())
def test_no_line_that_is_gone_doubled_or_moved_loses_an_utterance_in_silence(name, data):
    lines = FILES[name].splitlines(keepends=True)
    chosen = data.draw(st.lists(st.integers(0, len(lines) - 1), min_size=1, max_size=len(lines) + 2))
    check_nothing_is_lost(name, "".join(lines[number] for number in chosen))


def check_nothing_is_lost(name: str, content: str) -> None:
    written = content
    if name.endswith(".yml"):  # what a comment is, YAML itself decides
        written = re.sub(r"(^|\s)#.*", "", content)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        path = Path(folder, name)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content.encode())
        source = path.parent if path.suffix == ".txt" else path
        try:
            found = read_intents(source, purpose="evaluation")
        except DataError:
            return
    lost = set(re.findall(r"u\d\d", written)) - set(re.findall(r"u\d\d", " ".join([*found["text"], *found["label"]])))
    assert not lost or said(caught), content


def rasa(word: str) -> str:
    return f"nlu:\n- intent: a\n  examples: |\n    - {word} a\n- intent: b\n  examples: |\n    - {word} b\n"


def table(word: str) -> str:
    return f"text,label\n{word} a,a\n{word} b,b\n"


def lines(word: str) -> str:
    return f"{word} a\n{word} b\n"


FOLDER = {
    "one.csv": table,
    "two.csv": table,
    "two_test.csv": table,
    "nlu.yml": rasa,
    "test_nlu.yml": rasa,
    "stories.yml": lambda word: f"stories: # {word}\n",
    "more/nlu.yml": rasa,
    "more/deep/faq.yaml": rasa,
    "more/three.csv": table,
    "train/four.csv": table,
    "five.txt": lines,
    "train.txt": lines,
    "six.xlsx": lines,
}


@quick
@given(names=st.sets(st.sampled_from(sorted(FOLDER)), min_size=1, max_size=5))
def test_no_file_of_a_folder_is_left_out_in_silence(names):
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for name in names:
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(FOLDER[name](name), encoding="utf-8")
        try:
            found = {text.split()[0] for text in read_intents(folder, purpose="evaluation")["text"]}
        except DataError:
            return
    messages = " ".join(str(warning.message) for warning in caught)
    for name in names - found:
        assert any(str(Path(folder, part)) in messages for part in (name, name.partition("/")[0])), name
