"""`train-all` and `upgrade` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from intent_adapters.artifacts.adapter import Adapter
from tests.cli.conftest import run
from tests.support.tiny_files import write_tiny_base

ROWS = [
    {"text": text, "label": label}
    for label, texts in {
        "book": ["book it", "a visit", "see me"],
        "cancel": ["cancel it", "no visit", "drop it"],
    }.items()
    for text in texts
]


def write(file: Path, rows: list[dict[str, str]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write(tmp_path / "data" / "clinic" / "train.jsonl", ROWS)
    write(tmp_path / "data" / "clinic" / "test.jsonl", [{"text": "book now", "label": "book"}])
    write(tmp_path / "data" / "it.jsonl", ROWS)
    return tmp_path / "data"


def test_all_agents_of_a_folder_are_trained_and_upgraded(agents, data: Path, tmp_path: Path):
    output = tmp_path / "agents"
    command = ("train-all", data, "--base", agents.base, "--output", output, "--effort", "fast", "--method", "probe")
    result = run(*command)
    assert result.exit_code == 0, result.output
    assert "1 of 2: clinic trained in" in result.stderr
    assert "2 trained, in" in result.stdout
    again = run(*command, "--json")
    assert json.loads(again.stdout)["counts"] == {"unchanged": 2}
    assert again.stderr == ""
    write(data / "bad.jsonl", ROWS[:2])
    bad = run(*command)
    assert bad.exit_code == 1
    assert "bad failed" in bad.stderr and "the same label" in bad.stderr
    (data / "bad.jsonl").unlink()
    new = write_tiny_base(tmp_path / "new", seed=1)
    upgrade = ("upgrade", output, "--base", new, "--data", data, "--method", "probe", "--max-agent-drop", 100)
    dry = run(*upgrade, "--max-drop", 100, "--dry-run")
    assert dry.exit_code == 0
    assert "not switched: it was not asked for" in dry.stdout
    assert "test utterances (1)" in dry.stdout and "cross-validation" in dry.stdout
    done = run(*upgrade, "--max-drop", 100)
    assert done.exit_code == 0, done.output
    assert "switched" in done.stdout and "mean" in done.stdout
    assert Adapter.read(output / "clinic").config.base_model_name_or_path == str(new)
    assert "stand on this base already" in run(*upgrade).stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--executor", "cloud"), 2, "cloud"),
        (("--workers", 0), 2, "workers"),
        (("--agent-column", "whose"), 1, "--agent-column"),
        (("--runtime-env", "list.json"), 1, "must hold an object"),
        (("--runtime-env", "none.json"), 1, "none.json"),
    ],
)
def test_wrong_calls(agents, tmp_path: Path, monkeypatch, arguments, code: int, message: str):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "all.jsonl", [{"bots": "a", **row} for row in ROWS])
    write(tmp_path / "data" / "it.jsonl", ROWS)
    (tmp_path / "list.json").write_text("[]", encoding="utf-8")
    source = "all.jsonl" if "--agent-column" in arguments else "data"
    result = run("train-all", source, "--base", agents.base, "--output", "out", *arguments)
    assert result.exit_code == code
    assert message in result.stderr
