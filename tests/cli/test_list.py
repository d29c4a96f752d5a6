from __future__ import annotations

import json
from pathlib import Path

import pytest

from intent_adapters.artifacts.adapter import Adapter
from tests.cli.conftest import Agents, run


@pytest.fixture
def folder(agents: Agents, tmp_path: Path) -> Path:
    for name, source in (("it", agents.it), ("예약", agents.hr)):
        Adapter.read(source).write(tmp_path / name)
    (tmp_path / "notes").mkdir()
    return tmp_path


def test_the_adapters_of_a_folder_are_listed(agents: Agents, folder: Path):
    result = run("list", folder)
    assert result.exit_code == 0
    assert "it" in result.stdout and "예약" in result.stdout
    assert "notes" not in result.stdout
    found = [json.loads(line) for line in run("list", folder, "--json").stdout.splitlines()]
    assert [(agent["agent"], agent["intents"]) for agent in found] == [("it", 4), ("예약", 4)]
    assert {agent["base"] for agent in found} == {str(agents.base)}
    assert len(run("list", folder, "--json", "--search", "IT").stdout.splitlines()) == 1
    assert len(run("list", folder, "--json", "--limit", 1).stdout.splitlines()) == 1


def test_a_broken_adapter_keeps_no_other_from_being_listed(folder: Path):
    (folder / "it" / "adapter_config.json").write_text("{", encoding="utf-8")
    result = run("list", folder, "--json")
    assert result.exit_code == 1
    assert [json.loads(line).keys() >= {"intents"} for line in result.stdout.splitlines()] == [False, True]
    assert "is not JSON" in result.stderr


def test_folders_without_adapters_and_wrong_calls(agents: Agents, folder: Path):
    assert "No adapters in" in run("list", folder / "notes").stderr
    assert run("list", folder, "--author", "me").exit_code == 2
    assert "There is no folder" in run("list", folder / "nowhere").stderr
