"""What the commands say to terminals and files of any encoding, and how they pass on warnings."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from intent_adapters.cli import app
from intent_adapters.cli.console import in_options
from tests.cli.conftest import Agents, run

ENCODINGS = ["cp949", "cp1252", "ascii"]
SIGN = "\N{GRINNING FACE}"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "clinic.csv"
    rows = [f"{word} {number} {SIGN},{word} {SIGN}" for word in ("예약", "café") for number in range(3)]
    path.write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    return path


def shown(text: str, encoding: str) -> str:
    return text.encode(encoding, "backslashreplace").decode(encoding)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_users_texts_are_printed_in_any_encoding(agents: Agents, encoding: str):
    text = f"예약 café {SIGN}"
    result = run("predict", text, "-a", agents.it, encoding=encoding)
    assert result.exit_code == 0, result.output
    assert shown(text, encoding) in result.stdout
    result = run("predict", text, "-a", agents.it, "--json", encoding=encoding)
    assert json.loads(result.stdout)["text"] == text


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_users_intents_are_printed_in_any_encoding(agents: Agents, data: Path, tmp_path: Path, encoding: str):
    output, label = tmp_path / "x", shown(f"café {SIGN}", encoding)
    arguments = ("--name", "봇", "--epochs", 1, "--no-calibrate", "--test", data)
    result = run("train", data, "-b", agents.base, "-o", output, *arguments, encoding=encoding)
    assert result.exit_code == 0, result.output
    assert shown("봇", encoding) in result.stdout
    result = run("info", output, encoding=encoding)
    assert label in result.stdout
    result = run("evaluate", data, "-a", output, "--out-of-scope", data, encoding=encoding)
    assert result.exit_code == 0, result.output
    assert shown(f"예약 0 {SIGN}", encoding) in result.stdout


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_errors_are_printed_in_any_encoding(agents: Agents, tmp_path: Path, encoding: str):
    result = run("predict", "hi", "-a", agents.it, "--agent", f"봇 {SIGN}", encoding=encoding)
    assert result.exit_code == 1
    assert shown(f"봇 {SIGN}", encoding) in result.stderr


def test_a_file_of_korean_windows_gets_the_whole_table(agents: Agents, tmp_path: Path):
    shutil.copytree(agents.it, tmp_path / f"예약 {SIGN}")
    command = [sys.executable, "-c", "from intent_adapters.cli import app; app()", "list", tmp_path]
    environment = {**os.environ, "PYTHONIOENCODING": "cp949", "COLUMNS": "200", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, capture_output=True, env=environment, check=True)
    assert shown(f"예약 {SIGN}", "cp949") in done.stdout.decode("cp949")


def test_what_is_left_out_is_said_once_on_standard_error(agents: Agents, data: Path, tmp_path: Path):
    with data.open("a", encoding="utf-8") as file:
        file.write(f"\n,\n예약 1 {SIGN},예약 {SIGN}\nx,Café {SIGN}\n")
    arguments = ("-b", agents.base, "-o", tmp_path / "x", "--epochs", 1, "--no-calibrate", "--json")
    result = run("train", data, *arguments)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["utterances"] == 7
    said = [line for line in result.stderr.splitlines() if line.startswith("Warning: ")]
    assert len(said) == 2
    assert f"blank rows (1: {data}:8); rows that repeat another (1: {data}:9 as {data}:3)" in said[0]
    assert "differ only in case" in said[1]
    assert "DataWarning" not in result.stderr


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("choose one with split=", "choose one with --split"),
        ("give encoding='cp949', or encoding=", "give --encoding cp949, or --encoding"),
        ('load it with backend="onnx".', 'load it with backend="onnx".'),
        ("leave out unlabelled, or calibrate=False", "leave out unlabelled, or --no-calibrate"),
        ("name it with text_column=, or call it 'text'", "name it with --text-column, or call it 'text'"),
        ("the text 'resplit=1 split=2' is odd", "the text 'resplit=1 split=2' is odd"),
        ("see `split=`", "see --split"),
    ],
)
def test_arguments_are_written_as_the_options_of_the_command(message: str, expected: str):
    parameters = typer.main.get_command(app).commands["train"].params
    assert in_options(message, parameters) == expected


def test_errors_and_warnings_speak_of_options(agents: Agents, tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_bytes("text,label\n예약,a\n취소해 주세요,b\n".encode("cp949"))
    result = run("train", path, "-b", agents.base, "-o", tmp_path / "x")
    assert result.exit_code == 1
    assert "or give --encoding cp949" in result.stderr


def test_what_the_system_refuses_is_one_message(monkeypatch: pytest.MonkeyPatch, agents: Agents, tmp_path: Path):
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(tmp_path / "it"))

    monkeypatch.setattr("intent_adapters.artifacts.adapter.Adapter.read", refuse)
    result = run("set-threshold", agents.it, 0.1)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.strip() == f"Error: Permission denied: {tmp_path / 'it'}"


def test_a_place_where_nothing_can_be_written_is_refused_before_training(agents: Agents, tmp_path: Path):
    data = tmp_path / "a.csv"
    data.write_text("text,label\na,1\nb,2\n")
    result = run("train", data, "-b", agents.base, "-o", data / "below" / "agent")
    assert result.exit_code == 2
    assert "nothing can be written to" in " ".join(result.stderr.split())
