from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from intent_adapters import IntentModel
from intent_adapters.errors import BaseError
from intent_adapters.extras import is_installed
from tests.cli.conftest import Agents, run
from tests.support.tiny_files import write_tiny_base

needs_torch = pytest.mark.skipif(not is_installed("sentence_transformers"), reason="PyTorch is not installed")
TEXTS = ["예약 취소", "how much is it?"]


def lines(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def test_json_says_what_the_model_says(agents: Agents):
    result = run("predict", *TEXTS, "--adapter", agents.it, "--base", agents.base, "--json", "--top-k", 2)
    assert result.exit_code == 0
    predictions = IntentModel.from_pretrained(agents.base, adapter=agents.it).predict(TEXTS, top_k=2)
    for text, prediction, found in zip(TEXTS, predictions, lines(result.stdout), strict=True):
        assert (found["text"], found["agent"], found["label"]) == (text, "it", prediction.label)
        assert found["score"] == pytest.approx(prediction.score, abs=1e-5)
        assert [entry["label"] for entry in found["top_k"]] == [label for label, _ in prediction.top_k]


@pytest.mark.parametrize("dash", [[], ["-"]])
def test_lines_of_standard_input(agents: Agents, dash: list[str]):
    result = run("predict", *dash, "-a", agents.it, "--json", stdin="\ufeff예약 취소\r\n\n  \n how much is it?")
    assert result.exit_code == 0
    found = lines(result.stdout)
    assert [line["text"] for line in found] == [TEXTS[0], "", "", TEXTS[1]]
    assert [line.get("error") for line in found] == [None, "line 2 is empty", "line 3 is empty", None]


def test_a_line_is_answered_by_a_line(agents: Agents):
    result = run("predict", "-a", agents.it, "--threshold", 1, stdin="예약\t취소\n\nhi\n")
    assert result.exit_code == 0
    first, blank, last = result.stdout.splitlines()
    assert first.split("\t")[:2] == ["예약 취소", "it"]
    assert re.fullmatch(r"out of scope \(intent \d\?\)", first.split("\t")[2])
    assert (blank, last.split("\t")[0]) == ("", "hi")
    assert run("predict", "-a", agents.it, stdin="").stdout == ""


def test_a_line_is_answered_before_the_next_one_comes(agents: Agents):
    program = "from intent_adapters.cli import app; app()"
    command = [sys.executable, "-c", program, "predict", "-a", str(agents.it), "--backend", "onnx"]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "encoding": "utf-8"}
    with subprocess.Popen(
        command, env={**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONIOENCODING": "utf-8"}, **pipes
    ) as process:
        assert process.stdin and process.stdout
        for text in TEXTS:
            process.stdin.write(f"{text}\n")
            process.stdin.flush()
            assert process.stdout.readline().startswith(f"{text}\tit\t")
        process.stdin.close()
        assert process.wait(60) == 0


@pytest.mark.parametrize("encoding", ["cp949", "utf-16", "utf-8"])
def test_lines_of_other_encodings(agents: Agents, encoding: str):
    text = "예약 취소해 주세요"
    result = run(
        "predict", "-a", agents.it, "--json", "--encoding", encoding, stdin=f"{text}\n{text}".encode(encoding)
    )
    assert [line["text"] for line in lines(result.stdout)] == [text, text]


def test_an_unknown_encoding_is_wrong_usage(agents: Agents):
    for encoding in ("klingon", "base64"):
        result = run("predict", "-a", agents.it, "--encoding", encoding, stdin="hi")
        assert result.exit_code == 2
        assert "--encoding" in result.stderr


def test_what_cannot_be_answered_leaves_the_others_answered(agents: Agents):
    result = run("predict", "-a", agents.it, "--json", stdin=b"hello\nx\xff\nhi\n")
    assert result.exit_code == 1
    first, broken, last = lines(result.stdout)
    assert ("label" in first, "label" in last, broken["text"]) == (True, True, "x\ufffd")
    assert broken["error"] == "line 2 is not UTF-8: name its encoding, such as cp949, with --encoding"
    assert broken["error"] in result.stderr
    agents_of_each = ("--agent", "it", "--agent", "it", "--agent", "hr")
    result = run("predict", "hello", " ", "hi", "-a", agents.it, "-a", agents.hr, *agents_of_each)
    assert result.exit_code == 1
    assert "TEXT 2 is empty" in result.stderr
    assert "hello" in result.stdout and "hr" in result.stdout


def test_the_base_may_be_left_to_the_adapter(agents: Agents):
    with_base = run("predict", "hi", "-a", agents.it, "-b", agents.base, "--json")
    assert run("predict", "hi", "-a", agents.it, "--json").stdout == with_base.stdout != ""


def test_one_agent_for_each_text(agents: Agents):
    result = run(
        "predict", *TEXTS, "-a", agents.it, "-a", f"people={agents.hr}", "--agent", "people", "--agent", "it", "--json"
    )
    assert [line["agent"] for line in lines(result.stdout)] == ["people", "it"]
    result = run("predict", *TEXTS, "-a", agents.it, "-a", agents.hr, "--agent", "hr", "--json")
    assert [line["agent"] for line in lines(result.stdout)] == ["hr", "hr"]


@needs_torch
def test_onnx_says_what_torch_says(agents: Agents, exported: Path):
    ours = lines(run("predict", *TEXTS, "-a", agents.it, "-b", exported, "--backend", "onnx", "--json").stdout)
    theirs = lines(run("predict", *TEXTS, "-a", agents.it, "-b", agents.base, "--json").stdout)
    assert [line["label"] for line in ours] == [line["label"] for line in theirs]
    assert [line["score"] for line in ours] == pytest.approx([line["score"] for line in theirs], abs=1e-4)


def test_an_exported_base_is_known_as_one(agents: Agents, exported: Path, tmp_path: Path):
    result = run("predict", *TEXTS, "-a", agents.it, "-b", exported, "--json")
    asked = run("predict", *TEXTS, "-a", agents.it, "-b", exported, "--backend", "onnx", "--json")
    assert result.stdout == asked.stdout != ""


def test_what_an_exported_base_lacks_is_exported_from_its_base(exported: Path):
    with pytest.raises(
        BaseError, match=r"Export the base that it was made from .* export BASE FOLDER --precision int8"
    ):
        IntentModel.from_pretrained(exported, precision="int8")


@needs_torch
def test_an_exported_base_is_for_onnx_alone(agents: Agents, exported: Path, tmp_path: Path):
    result = run("predict", "hi", "-a", agents.it, "-b", exported, "--backend", "torch")
    assert "is a base in ONNX alone: load it with --backend onnx" in result.stderr
    (tmp_path / "a.csv").write_text("text,label\na,x\nb,y\n", encoding="utf-8")
    result = run("train", tmp_path / "a.csv", "-b", exported, "-o", tmp_path / "agent")
    assert (result.exit_code, "give the base that it was exported from" in result.stderr) == (1, True)


def test_two_agents_of_one_name_are_wrong_usage(agents: Agents):
    result = run("predict", "hi", "-a", agents.it, "-a", f"it={agents.hr}")
    assert result.exit_code == 2
    assert "two agents would be called 'it'" in " ".join(result.stderr.split())


def test_onnx_needs_a_base_that_was_exported(agents: Agents, tmp_path: Path):
    base = write_tiny_base(tmp_path / "base")
    result = run("predict", "hi", "-a", agents.it, "-b", base, "--backend", "onnx")
    assert result.exit_code == 1
    assert "Export it once: intent-adapters export" in result.stderr


def test_the_table_shows_text_intent_and_score(agents: Agents):
    result = run("predict", "[red]hi[/red]", "-a", agents.it)
    assert result.exit_code == 0
    for expected in ("[red]hi[/red]", "it", "intent ", " %"):
        assert expected in result.stdout


def test_below_the_threshold_it_is_out_of_scope(agents: Agents):
    assert "out of scope (intent " in run("predict", "hi", "-a", agents.it, "--threshold", "1").stdout
    result = run("predict", "hi", "-a", agents.it, "--threshold", "1", "--json")
    assert lines(result.stdout)[0]["in_scope"] is False


@pytest.mark.parametrize(
    ("arguments", "stdin", "message"),
    [
        (
            ["a", "--agent", "sales"],
            None,
            "There is no agent 'sales': load it, or train it. There are: it, hr; choose with --agent.",
        ),
        (["a"], None, "name the agent to ask. There are: it, hr; choose with --agent."),
        ([" ", "--agent", "it"], None, "TEXT 1 is empty"),
        (["--agent", "it", "--encoding", "utf-16"], b"hel", "Standard input is not utf-16"),
    ],
)
def test_our_errors_are_one_message_and_code_1(
    agents: Agents, arguments: list[str], stdin: bytes | None, message: str
):
    result = run("predict", *arguments, "-a", agents.it, "-a", agents.hr, stdin=stdin)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_a_missing_adapter_is_an_error_of_ours(agents: Agents):
    result = run("predict", "hi", "-a", "./nowhere", "-b", agents.base)
    assert result.exit_code == 1
    assert "./nowhere" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["hi"],
        ["hi", "-a", "x", "--top-k", "0"],
        ["hi", "-a", "x", "--threshold", "2"],
        ["hi", "-a", "x", "--what"],
    ],
)
def test_wrong_usage_is_code_2(arguments: list[str]):
    assert run("predict", *arguments).exit_code == 2


@pytest.mark.parametrize(
    "arguments", [["-", "--agent", "it", "--agent", "hr"], ["a", "b", "c", "--agent", "it", "--agent", "hr"]]
)
def test_agents_that_do_not_go_with_the_texts_are_wrong_usage(agents: Agents, arguments: list[str]):
    result = run("predict", *arguments, "-a", agents.it, "-a", agents.hr, stdin="hi\n")
    assert result.exit_code == 2
    assert "--agent" in result.stderr
