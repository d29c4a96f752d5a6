from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from intent_adapters import IntentModel
from tests.cli.conftest import Agents, run

TEXTS = ["예약 취소", "how much is it?"]


def lines(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def test_json_says_what_the_model_says(agents: Agents):
    result = run("predict", *TEXTS, "--adapter", agents.it, "--base", agents.base, "--json", "--top-k", 2)
    assert result.exit_code == 0
    predictions = IntentModel.from_pretrained(agents.base, adapter=agents.it, device="cpu").predict(TEXTS, top_k=2)
    for text, prediction, found in zip(TEXTS, predictions, lines(result.stdout), strict=True):
        assert (found["text"], found["agent"], found["label"]) == (text, "it", prediction.label)
        assert found["score"] == pytest.approx(prediction.score, abs=1e-5)
        assert [entry["label"] for entry in found["top_k"]] == [label for label, _ in prediction.top_k]


@pytest.mark.parametrize("dash", [[], ["-"]])
def test_lines_of_standard_input(agents: Agents, dash: list[str]):
    result = run("predict", *dash, "-a", agents.it, "--json", stdin="\ufeff예약 취소\r\n\n  \n how much is it?")
    assert result.exit_code == 0
    assert [line["text"] for line in lines(result.stdout)] == TEXTS


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


def test_onnx_says_what_torch_says(agents: Agents, exported: Path):
    ours = lines(run("predict", *TEXTS, "-a", agents.it, "-b", exported, "--backend", "onnx", "--json").stdout)
    theirs = lines(run("predict", *TEXTS, "-a", agents.it, "-b", agents.base, "--json").stdout)
    assert [line["label"] for line in ours] == [line["label"] for line in theirs]
    assert [line["score"] for line in ours] == pytest.approx([line["score"] for line in theirs], abs=1e-4)


def test_onnx_needs_a_base_that_was_exported(agents: Agents):
    result = run("predict", "hi", "-a", agents.it, "-b", agents.base, "--backend", "onnx")
    assert result.exit_code == 1
    assert "Export it once: intent-adapters export" in result.stderr


def test_the_table_shows_text_intent_and_score(agents: Agents, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "200")
    result = run("predict", "[red]hi[/red]", "-a", agents.it)
    assert result.exit_code == 0
    for expected in ("[red]hi[/red]", "it", "intent ", " %"):
        assert expected in result.stdout


def test_below_the_threshold_it_is_out_of_scope(agents: Agents, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert "out of scope (intent " in run("predict", "hi", "-a", agents.it, "--threshold", "1").stdout
    result = run("predict", "hi", "-a", agents.it, "--threshold", "1", "--json")
    assert lines(result.stdout)[0]["in_scope"] is False


@pytest.mark.parametrize(
    ("arguments", "stdin", "message"),
    [
        (["a", "b", "c", "--agent", "it", "--agent", "hr"], None, "3 text(s) but 2 agent(s)"),
        (
            ["a", "--agent", "sales"],
            None,
            "There is no agent 'sales': load it, or train it. There are: it, hr; choose with --agent.",
        ),
        (["a"], None, "name the agent to ask. There are: it, hr; choose with --agent."),
        ([" ", "--agent", "it"], None, "Text 0 is empty"),
        (["--agent", "it"], b"hello\nx\xff\n", "Line 2 of standard input is not UTF-8"),
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


def test_nothing_to_predict_is_wrong_usage(agents: Agents):
    result = run("predict", "-a", agents.it, stdin="\n\n")
    assert result.exit_code == 2
    assert "TEXT" in result.stderr
