from __future__ import annotations

import csv
import json
import tempfile
import unicodedata
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from intent_adapters.data import read_intents
from intent_adapters.data.columns import are_column_names
from intent_adapters.data.labels import visible
from intent_adapters.errors import DataError

# Every code point, lone surrogates and NUL included, and the characters that formats trip over more often than others.
text = st.text(st.one_of(st.characters(), st.sampled_from('",;\t|\r\n\\\u2028\ufeff 가')), max_size=12)
rows = st.lists(st.tuples(text, text), max_size=5)
quick = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def write_csv(path: Path, pairs: list[tuple[str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8", errors="surrogatepass") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([("text", "label"), *pairs])


def write_jsonl(path: Path, pairs: list[tuple[str, str]]) -> None:
    lines = (json.dumps({"text": a, "label": b}, ensure_ascii=False) + "\n" for a, b in pairs)
    path.write_bytes("".join(lines).encode("utf-8", errors="surrogatepass"))


def write_array(path: Path, pairs: list[tuple[str, str]]) -> None:
    path.write_text(json.dumps([{"text": a, "label": b} for a, b in pairs]), encoding="ascii")


def write_parquet(path: Path, pairs: list[tuple[str, str]]) -> None:
    columns = {"text": [a for a, _ in pairs], "label": [b for _, b in pairs]}
    as_bytes = {name: [v.encode("utf-8", "surrogatepass") for v in values] for name, values in columns.items()}
    table = pa.table({name: pa.array(values, pa.binary()).view(pa.string()) for name, values in as_bytes.items()})
    pq.write_table(table, path)


WRITERS = {"a.csv": write_csv, "a.jsonl": write_jsonl, "a.json": write_array, "a.parquet": write_parquet}


@pytest.mark.parametrize("name", WRITERS)
@quick
@given(pairs=rows)
def test_any_rows_survive_or_are_refused(name: str, pairs: list[tuple[str, str]]):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        WRITERS[name](path, pairs)
        try:
            dataset = read_intents(path, purpose="evaluation")
        except DataError as error:
            str(error).encode("utf-8")
            return
    expected = [(a.strip(), unicodedata.normalize("NFC", b.strip())) for a, b in pairs]
    if name == "a.csv":  # rows of separators alone are what spreadsheets leave below a table
        expected = [pair for pair in expected if pair != ("", "")]
    assert [(row["text"], row["label"]) for row in dataset] == expected


plain = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf", "Zs", "Zl", "Zp"]), min_size=1, max_size=12)
plain = plain.filter(visible)  # a label of variation selectors alone is empty to the eye, and refused


@pytest.mark.parametrize("name", WRITERS)
@quick
@given(pairs=st.lists(st.tuples(plain, plain), min_size=1, max_size=5))
def test_visible_rows_always_survive(name: str, pairs: list[tuple[str, str]]):
    assume(name != "a.csv" or not any(are_column_names(pair, ("text", "label")) for pair in pairs))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        WRITERS[name](path, pairs)
        dataset = read_intents(path, purpose="evaluation")
    assert dataset["text"][:] == [a for a, _ in pairs]
    assert dataset["label"][:] == [unicodedata.normalize("NFC", b) for _, b in pairs]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".json", ".yml", ".parquet", ".csv.gz"])
@quick
@given(content=st.one_of(st.binary(max_size=200), text.map(lambda s: s.encode("utf-8", "surrogatepass"))))
def test_any_bytes_are_read_or_refused(suffix: str, content: bytes):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a{suffix}"
        path.write_bytes(content)
        try:
            read_intents(path)
        except DataError as error:
            assert str(path) in str(error)


RASA = "nlu:\n- intent: greet\n  examples: |\n    - hello\n- intent: leave\n  examples: |\n    - bye [now](time)\n"


@quick
@given(position=st.integers(0, len(RASA)), length=st.integers(0, 10), inserted=text)
def test_any_damage_to_yaml_is_read_or_refused(position: int, length: int, inserted: str):
    damaged = RASA[:position] + inserted + RASA[position + length :]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "nlu.yml"
        path.write_bytes(damaged.encode("utf-8", "surrogatepass"))
        try:
            read_intents(path)
        except DataError as error:
            assert str(path) in str(error)
