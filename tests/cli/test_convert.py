from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import run

NLU = """\
nlu:
- intent: book
  examples: |
    - from [Seoul]{"entity": "city", "role": "from"}
- intent: bye
  examples: |
    - bye
- lookup: city
  examples: |
    - Seoul
"""


@pytest.fixture
def nlu(tmp_path: Path) -> Path:
    path = tmp_path / "nlu.yml"
    path.write_text(NLU, encoding="utf-8")
    return path


def test_a_file_is_written_in_another_format_and_what_is_lost_is_said(nlu: Path, tmp_path: Path):
    result = run("convert", nlu, tmp_path / "project.json")
    assert result.exit_code == 0
    assert f"2 utterances, 1 entities, 1 definitions -> {tmp_path / 'project.json'} (clu)" in result.stdout
    assert "left out: roles of entities in texts (1: " in result.stderr
    result = run("convert", tmp_path / "project.json", tmp_path / "a.jsonl", "--json")
    assert json.loads(result.stdout) == {
        "format": "jsonl",
        "utterances": 2,
        "entities": 1,
        "definitions": 1,
        "files": [str(tmp_path / "a.jsonl"), str(tmp_path / "a.entities.json")],
    }


def test_a_target_without_a_format_is_code_1(nlu: Path, tmp_path: Path):
    result = run("convert", nlu, tmp_path / "a.txt")
    assert result.exit_code == 1
    assert "does not say in which format to write" in result.stderr
    assert run("convert", nlu, tmp_path / "a.txt", "--to", "jsonl").exit_code == 0
