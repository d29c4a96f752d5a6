from __future__ import annotations

import json
from pathlib import Path

import pytest

from intent_adapters.cli import benchmark
from tests.cli.conftest import Agents, run


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(benchmark, "SECONDS", 0.0)


def measured(*arguments: object) -> dict[str, object]:
    result = run("benchmark", *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_figures_of_two_agents(agents: Agents):
    facts = measured("--base", agents.base, "-a", agents.it, "-a", f"people={agents.hr}", "--threads", "1")
    assert (facts["agents"], facts["backend"], facts["threads"]) == (2, "torch", 1)
    times = [value for name, value in facts.items() if name.endswith(("seconds", "encoder"))]
    assert len(times) == 7
    assert all(value > 0 for value in times)
    assert facts["one_utterance_p95_milliseconds"] >= facts["one_utterance_p50_milliseconds"]
    assert facts["adapter_bytes"] > 0


def test_a_folder_of_agents_on_a_base_in_onnx_and_texts_of_ones_own(agents: Agents, exported: Path, tmp_path: Path):
    texts = tmp_path / "texts.txt"
    texts.write_text("ab cd\n예약\n", encoding="utf-8")
    arguments = ("--backend", "onnx", "--adapter-dir", agents.it.parent, "--texts", texts, "--precision", "float32")
    facts = measured("--base", exported, *arguments)
    assert (facts["agents"], facts["backend"]) == (2, "onnx")


def test_a_table_for_people(agents: Agents):
    shown = run("benchmark", "--base", agents.base, "-a", agents.it).stdout
    for words in ("one utterance p50 milliseconds", "times the bare encoder", "process bytes"):
        assert words in shown


def test_without_agents_there_is_nothing_to_measure(agents: Agents, tmp_path: Path):
    for arguments in ((), ("--adapter-dir", tmp_path)):
        result = run("benchmark", "--base", agents.base, *arguments)
        assert result.exit_code == 2
        assert "give --adapter" in result.output
