from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Agents, run

ROWS = [("book", "i want a room"), ("book", "a room please"), ("price", "what is the price"), ("price", "how much")]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write(tmp_path / "shop.csv", ROWS)


def write(path: Path, rows: list[tuple[str, str]]) -> Path:
    path.write_text("label,text\n" + "".join(f'{label},"{text}"\n' for label, text in rows), encoding="utf-8")
    return path


def test_data_in_order_are_code_0_and_a_base_is_recommended(data: Path):
    result = run("check", data)
    assert result.exit_code == 0
    assert "4 utterances of 2 intents; nothing to be said against them" in result.stdout
    assert "add --base" in result.stderr


def test_problems_are_code_1_with_line_reason_and_advice(data: Path, agents: Agents):
    write(data, [*ROWS, ("price", "A room, please!"), ("prcie", "fee")])
    result = run("check", data)
    assert result.exit_code == 1
    assert f"{data}:3, {data}:6: a room please | A room, please!" in result.stdout
    assert "nearly the same text stands under 'book' and 'price'; keep it where it belongs" in result.stdout
    found = json.loads(run("check", data, "--base", agents.base, "--json").stdout)
    assert {"two intents", "few utterances"} <= {finding["kind"] for finding in found["findings"]}
    assert "two intents" not in run("check", data, "--limit", 0).stdout.partition("\n")[2]


def test_kinds_can_be_allowed_and_notes_can_be_made_to_fail(data: Path):
    write(data, [*ROWS, ("price", "A room, please!"), ("hours", "when do you open")])
    assert run("check", data).exit_code == 1
    allowed = run("check", data, "--allow", "two intents")
    assert allowed.exit_code == 0
    assert "few utterances" in allowed.stdout
    assert run("check", data, "--allow", "two intents", "--strict").exit_code == 1
    assert run("check", data, "--allow", "two intents", "--allow", "few utterances", "--strict").exit_code == 0
    wrong = run("check", data, "--allow", "typos")
    assert wrong.exit_code == 2
    assert "'typos' is no kind" in wrong.stderr


def test_marks_are_looked_at_too(tmp_path: Path):
    mark = '[{"start": 3, "end": 8, "entity": "city"}]'
    rows = [
        f'{{"text": "to Busan{end}", "label": "{label}", "entities": {mark}}}'
        for end, label in ((" now", "a"), ("", "b"))
    ]
    path = tmp_path / "trips.jsonl"
    path.write_text("\n".join([*rows, '{"text": "Busan station", "label": "b"}']), encoding="utf-8")
    result = run("check", path)
    assert result.exit_code == 0
    assert f"{path}:3: Busan station" in result.stdout
    assert "not marked here, and as 'city' in 2 other places" in result.stdout
    assert "unmarked entity" not in run("check", path, "--allow", "unmarked entity").stdout


def test_exact_repetitions_are_findings_too_beside_the_others(tmp_path: Path):
    path = write(tmp_path / "a.csv", [*ROWS, ("price", "a room please"), ("price", "how much")])
    result = run("check", path)
    assert result.exit_code == 1
    assert f"{path}:3, {path}:6: a room please | a room please" in result.stdout
    assert f"{path}:5, {path}:7: how much | how much" in result.stdout


def test_what_cannot_be_read_is_an_error(tmp_path: Path):
    path = write(tmp_path / "a.csv", [("book", "hi"), ("", "hello")])
    result = run("check", path)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "a.csv:3: the label is" in result.stderr
