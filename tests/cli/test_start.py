"""What a command imports before it says how it is used, or what is wrong with how it was called."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import intent_adapters
from tests.support.processes import HEAVY

PROGRAM = """
import atexit, sys
atexit.register(lambda: print("imported:", *sys.modules, file=sys.stderr))
from intent_adapters.cli import app
app(prog_name="intent-adapters")
"""


def run_process(folder: Path, *arguments: str) -> tuple[int, str, str, set[str]]:
    """The exit code, the outputs and the imported modules of the command as a process of its own."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONIOENCODING": "utf-8", "COLUMNS": "200"}
    command = [sys.executable, "-c", PROGRAM, *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, encoding="utf-8", check=False)
    said, _, modules = done.stderr.rpartition("imported: ")
    return done.returncode, done.stdout, said, set(modules.split())


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
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
    ],
)
def test_help_and_what_is_wrong_come_before_heavy_imports(tmp_path: Path, arguments: str, code: int, message: str):
    returned, out, said, modules = run_process(tmp_path, *arguments.split())
    assert returned == code, said
    assert message in (said if code else out)
    assert "intent_adapters.cli" in modules
    assert not modules & set(HEAVY)
