from __future__ import annotations

import json
from pathlib import Path

import pytest

from intent_adapters import IntentModel
from tests.cli.conftest import Agents, run

TEXTS = ["예약", "취소", "cancel", "how much", "a", "b?", "주세요", "진료비", "얼마", "0123"]


@pytest.fixture
def data(agents: Agents, tmp_path: Path) -> Path:
    """Rows labelled with what the agent says, but for the first, which is labelled with another intent."""
    model = IntentModel.from_pretrained(agents.base, adapter=agents.it, device="cpu")
    labels = [prediction.label for prediction in model.predict(TEXTS)]
    labels[0] = next(label for label in model.labels("it") if label != labels[0])
    path = tmp_path / "test.csv"
    path.write_text("\n".join(["text,label", *map(",".join, zip(TEXTS, labels, strict=True))]), encoding="utf-8")
    return path


def test_json_has_all_scores(agents: Agents, data: Path):
    result = run("evaluate", data, "-a", agents.it, "--json")
    assert result.exit_code == 0
    scores = json.loads(result.stdout)
    assert scores["accuracy"] == pytest.approx(0.9)
    assert len(scores["confusions"]) == 1
    assert sum(intent["support"] for intent in scores["intents"]) == len(TEXTS)


def test_tables_show_the_weak_intents_and_the_confused_pairs(
    agents: Agents, data: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COLUMNS", "200")
    result = run("evaluate", data, "-b", agents.base, "-a", agents.it)
    assert result.exit_code == 0
    assert "accuracy 90.0 %" in result.stdout
    assert "on 10 utterances" in result.stdout
    assert "taken for" in result.stdout
    assert "taken for" not in run("evaluate", data, "-a", agents.it, "--worst", 0).stdout


def test_the_agent_and_the_split_can_be_chosen(agents: Agents, data: Path):
    (data.parent / "train.csv").write_text("text,label\n")
    result = run(
        "evaluate", data.parent, "--split", "test", "-a", agents.hr, "-a", agents.it, "--agent", "it", "--json"
    )
    assert json.loads(result.stdout)["accuracy"] == pytest.approx(0.9)


def test_bad_data_and_unknown_labels(agents: Agents, tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text("text,label\n,intent 0\n")
    result = run("evaluate", path, "-a", agents.it)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "a.csv:2: the text is empty" in result.stderr
    path.write_text("text,label\nhi,oos\n")
    result = run("evaluate", path, "-a", agents.it)
    assert result.exit_code == 1
    assert "such as 'oos'" in result.stderr
