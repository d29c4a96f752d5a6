from __future__ import annotations

import pytest

from tests.cli.conftest import run


@pytest.mark.parametrize("command", ["train", "predict", "evaluate", "info"])
def test_every_command_has_help_with_examples(command: str):
    result = run(command, "--help")
    assert result.exit_code == 0
    assert "Examples" in result.stdout
    assert f"intent-adapters {command} " in " ".join(result.stdout.split())


def test_without_a_command_there_is_help():
    result = run()
    for command in ("train", "predict", "evaluate", "info"):
        assert command in result.output


def test_an_unknown_command_is_wrong_usage():
    assert run("fly").exit_code == 2
