from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.cli.conftest import Agents, run


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.csv"
    path.write_text(
        "time,message\n9:00,예약 되나요\n9:01,\n9:02,how much is it\n9:03,how much is it\n", encoding="utf-8"
    )
    return path


def test_rejected_messages_are_listed_and_written_to_be_labelled(agents: Agents, log: Path, tmp_path: Path):
    output = tmp_path / "todo.csv"
    result = run("review", log, "-a", agents.it, "--threshold", 1, "-o", output)
    assert result.exit_code == 0, result.stderr
    assert "rejected" in result.stdout
    assert "예약 되나요" in result.stdout
    assert "rows without a usable text" in result.stderr
    assert f"wrote 2 messages to {output}" in result.stderr
    with output.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["text"]: row["count"] for row in rows} == {"예약 되나요": "1", "how much is it": "2"}
    assert {row["label"] for row in rows} == {""}


def test_json_has_all_groups_and_the_drift(agents: Agents, log: Path):
    found = json.loads(run("review", log, "-a", agents.it, "--threshold", 1, "--json").stdout)
    assert (found["messages"], found["distinct"], found["drift"]["rejected"]) == (3, 2, 1.0)
    assert sum(group["count"] for group in found["groups"]) == 3
    nothing = json.loads(run("review", log, "-a", agents.it, "--threshold", 0, "--unsure", 0, "--json").stdout)
    assert nothing["groups"] == []


def test_a_labelled_review_is_trained_on(agents: Agents, tmp_path: Path):
    data, reviewed = tmp_path / "shop.csv", tmp_path / "todo.csv"
    data.write_text("text,label\na room,book\nroom please,book\nprice,price\nhow much,price\n", encoding="utf-8")
    reviewed.write_text("text,label,count\nwhen do you open,hours,3\nopen today,hours,1\nlol,,9\n", encoding="utf-8")
    output = tmp_path / "agent"
    result = run("train", data, "--add", reviewed, "-b", agents.base, "-o", output, "--method", "probe", "--json")
    assert result.exit_code == 0, result.stderr
    assert (json.loads(result.stdout)["utterances"], json.loads(result.stdout)["intents"]) == (6, 3)
    assert "rows without a label (1" in result.stderr


def test_wrong_files_are_refused_before_anything_is_asked(agents: Agents, log: Path, tmp_path: Path):
    result = run("review", log, "-a", agents.it, "-o", tmp_path / "todo.txt")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "must end in .csv or .jsonl" in result.stderr
    assert run("review", tmp_path / "no.txt", "-a", agents.it).exit_code == 1
    assert run("review", log, "-a", agents.it, "--unsure", 2).exit_code == 2
