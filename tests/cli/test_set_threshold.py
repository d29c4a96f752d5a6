from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from intent_adapters.artifacts.adapter import Adapter
from tests.cli.conftest import Agents, run

TEXTS = ["예약", "취소", "cancel", "how much", "a", "b?", "주세요", "진료비", "얼마", "0123"]


@pytest.fixture
def folder(agents: Agents, tmp_path: Path) -> Path:
    return Path(shutil.copytree(agents.it, tmp_path / "it"))


def test_a_value_is_written_and_holds_from_then_on(folder: Path):
    result = run("set-threshold", folder, 0.25, "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["threshold"] == 0.25
    assert Adapter.read(folder).config.calibration.threshold == 0.25
    assert json.loads(run("info", folder, "--json").stdout)["threshold"] == 0.25
    shown = run("set-threshold", folder, 1)
    assert "0.25" in shown.stdout
    assert "no: the highest probability is compared with it" in shown.stdout
    assert not json.loads(run("predict", "hi", "-a", folder, "--json").stdout)["in_scope"]
    assert run("set-threshold", folder, 0).exit_code == 0
    assert json.loads(run("predict", "hi", "-a", folder, "--json").stdout)["in_scope"]


def test_it_is_found_on_rows(folder: Path, tmp_path: Path):
    rows, chatter = tmp_path / "rows.csv", tmp_path / "chatter.txt"
    label = Adapter.read(folder).labels[0]
    rows.write_text("text,label\n" + "".join(f"{text},{label}\n" for text in TEXTS), encoding="utf-8")
    chatter.write_text("비가 올까\nwill it rain\n", encoding="utf-8")
    found = json.loads(run("set-threshold", folder, "--on", rows, "--rejecting", 0.2, "--json").stdout)
    assert found["false_rejection_rate"] <= 0.2
    measured = json.loads(run("evaluate", rows, "-a", folder, "--json").stdout)
    assert measured["rejection"]["false_rejection_rate"] == found["false_rejection_rate"]
    balanced = json.loads(run("set-threshold", folder, "--on", rows, "--out-of-scope", chatter, "--json").stdout)
    assert 0 <= balanced["recall"] <= 1


def test_wrong_calls_change_nothing(folder: Path, tmp_path: Path):
    before = (folder / "adapter_config.json").read_bytes()
    rows = tmp_path / "rows.csv"
    rows.write_text("text,label\nhi,oos\n", encoding="utf-8")
    calls = [(), (2,), (0.1, "--on", rows), ("--on", rows), (0.1, "--rejecting", 0.1), (0.1, "--out-of-scope", rows)]
    for arguments in calls:
        assert run("set-threshold", folder, *arguments).exit_code == 2, arguments
    assert run("set-threshold", tmp_path / "nowhere", 0.1).exit_code == 2
    assert run("set-threshold", folder, "--on", tmp_path / "no.csv", "--rejecting", 0.1).exit_code == 1
    assert (folder / "adapter_config.json").read_bytes() == before
