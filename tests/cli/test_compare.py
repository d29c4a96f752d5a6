from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Agents, run
from tests.support.short_trainings import short_trainings

__all__ = ["short_trainings"]


@pytest.fixture
def data(tmp_path: Path) -> tuple[Path, Path]:
    train, test = tmp_path / "train.csv", tmp_path / "test.csv"
    train.write_text("text,label\ncancel it,cancel\nplease cancel,cancel\nhow much,cost\nthe cost,cost\n")
    test.write_text("text,label\ncancel,cancel\ncost,cost\n")
    return train, test


@pytest.mark.usefixtures("short_trainings")
def test_json_has_every_run(agents: Agents, data: tuple[Path, Path]):
    result = run("compare", *data, "-b", agents.base, "--systems", "probe, adapter", "--seeds", "0,1", "--json")
    assert result.exit_code == 0
    systems = json.loads(result.stdout)
    assert [system["name"] for system in systems] == ["probe", "adapter"]
    assert all(len(system["accuracies"]) == 2 for system in systems)
    assert "probe, seed 1" in result.stderr


def test_markdown_is_a_table(agents: Agents, data: tuple[Path, Path]):
    result = run("compare", *data, "-b", agents.base, "--systems", "probe", "--seeds", "0", "--markdown")
    lines = result.stdout.strip().splitlines()
    assert lines[0] == "| system | accuracy ± over seeds | 95 % interval by the sample | training | an agent on disk |"
    assert lines[2].startswith("| logistic regression on the frozen encoder, with the names | ")
    assert {line.count("|") for line in lines} == {6}


def test_bad_lists_are_refused(agents: Agents, data: tuple[Path, Path]):
    result = run("compare", *data, "-b", agents.base, "--seeds", "0,one")
    assert result.exit_code == 2
    result = run("compare", *data, "-b", agents.base, "--systems", "lora")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "probe, adapter-ce, adapter, full" in " ".join(result.stderr.split())
