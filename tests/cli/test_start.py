"""What a command imports before it says how it is used, or what is wrong with how it was called."""

from __future__ import annotations

import json

import pytest

import intent_adapters
from tests.support.processes import HEAVY, run_process

# All commands in one process, so that Python starts once: for each, which heavy modules were there after it alone.
PROGRAM = """
import json, os, sys
os.environ["COLUMNS"] = "200"
from typer.testing import CliRunner
from intent_adapters.cli import app
folder, commands, heavy = map(json.loads, sys.argv[1:])
os.chdir(folder)
answers, before = [], set()
for command in commands:
    done = CliRunner().invoke(app, command.split(), prog_name="intent-adapters")
    found = set(heavy) & set(sys.modules)
    answers.append([done.exit_code, done.stdout, done.stderr, sorted(found - before)])
    before |= found
json.dump(answers, sys.stdout)
"""
CASES = [
    ("--help", 0, "Usage: intent-adapters"),
    ("--version", 0, intent_adapters.__version__),
    ("train --help", 0, "Usage: intent-adapters train"),
    ("predict --help", 0, "Usage: intent-adapters predict"),
    ("fly", 2, "fly"),
    ("train rows.csv", 2, "--base"),
    ("export base folder --precision int3", 2, "int3"),
    ("train nowhere.csv --base org/base --output agent", 1, "nowhere.csv"),
    ("train-all nowhere.csv --base org/base --output agents", 1, "nowhere.csv"),
    ("upgrade nowhere --base org/base --data data", 2, "nowhere"),
    ("evaluate ./nowhere --adapter org/agent", 1, "./nowhere"),
    ("train-encoder nowhere.jsonl --base org/base --output out", 1, "nowhere.jsonl"),
    ("predict hello --adapter ./nowhere", 1, "./nowhere"),
    ("predict hello --adapter org/agent --adapter it=../nowhere", 1, "../nowhere"),
    ("predict hello --adapter org/agent --base ./nowhere", 1, "./nowhere"),
    ("info ./nowhere", 1, "./nowhere"),
    ("diff ./nowhere org/agent --on rows.csv", 1, "./nowhere"),
    ("versions nowhere", 2, "nowhere"),
    ("serve nowhere --base base", 1, "nowhere"),
    ("serve . --base base --host 0.0.0.0", 1, "without a token"),
    ("serve . --base base --port 70000", 1, "--port"),
    ("playground", 1, "--base"),
    ("playground --base ./nowhere", 1, "./nowhere"),
]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str, str, list[str]]]:
    """By its command: the exit code, what was written to standard output and to standard error, what was imported."""
    commands = [command for command, _, _ in CASES]
    done = run_process(PROGRAM, *map(json.dumps, (str(tmp_path_factory.mktemp("start")), commands, HEAVY)))
    assert done.returncode == 0, done.stderr
    return dict(zip(commands, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize(("command", "code", "message"), CASES)
def test_help_and_what_is_wrong_come_before_heavy_imports(answers, command: str, code: int, message: str):
    returned, out, said, imported = answers[command]
    assert returned == code, said
    assert message in (said if code else out)
    assert not imported
