"""Wherever agents are trained, the same comes of it; and what dies there is begun again, or fails alone."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from intent_adapters import train_agents
from intent_adapters.training_process import process
from tests.cluster.conftest import ADAPTER, ROWS, SETTINGS, contents, states, write_rows
from tests.support.processes import is_alive


@pytest.mark.slow  # it waits for PyTorch in another process, as tests/serving/test_training.py does
def test_processes_make_the_same_adapters_to_the_bit(base: Path, data: Path, tmp_path: Path):
    write_rows(data / "bad.jsonl", ROWS[:3])
    write_rows(data / "twice.jsonl", [*ROWS, ROWS[0]])
    here = train_agents(base, data, tmp_path / "here", **ADAPTER)
    there = train_agents(base, data, tmp_path / "there", executor="process", workers=1, **ADAPTER)
    assert states(there) == states(here)
    assert list(states(here).values()).count("failed") == 1
    assert len(contents(tmp_path / "here")) == 8
    assert contents(tmp_path / "there") == contents(tmp_path / "here")
    assert [agent.warnings for agent in there.agents] == [agent.warnings for agent in here.agents]


Program = Callable[[str], Path]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Puts a program in the place of the process that trains; it may leave files in the folder that comes back."""

    def put(body: str) -> Path:
        lines = [
            "import json, os, pathlib, shutil, sys, time",
            f"here = pathlib.Path({str(tmp_path)!r})",
            "(here / f'pid {os.getpid()}').touch()",
            "for line in sys.stdin:",
            "    folder = pathlib.Path(json.loads(line)['folder'])",
            "    job = json.loads((folder / 'request.json').read_text(encoding='utf-8'))",
            *(f"    {line}" for line in body.splitlines()),
        ]
        (tmp_path / "in_its_place.py").write_text("\n".join(lines), encoding="utf-8")
        monkeypatch.setattr(process, "PROGRAM", "in_its_place")
        monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
        return tmp_path

    return put


SAY_READY = """
shutil.copytree(here / "made" / "clinic", folder / "results" / "ready")
print(json.dumps({"event": "ready", "method": "adapter", "accuracy": None, "seconds": 1}), flush=True)
"""


def test_what_dies_is_begun_again_and_given_up_in_the_end(base: Path, tmp_path: Path, program: Program):
    train_agents(base, {"clinic": ROWS}, tmp_path / "made", **SETTINGS)
    program(
        "tries = here / ('tried ' + job['agent'])\n"
        "tries.write_text((tries.read_text() if tries.exists() else '') + '.')\n"
        "if job['agent'] == 'hopeless' or len(tries.read_text()) < 3 and job['agent'] == 'unlucky':\n"
        "    os._exit(7)" + SAY_READY
    )
    agents = dict.fromkeys(["unlucky", "hopeless", "lucky"], ROWS)
    report = train_agents(base, agents, tmp_path / "agents", executor="process", workers=2, **SETTINGS)
    assert states(report) == {"unlucky": "trained", "hopeless": "failed", "lucky": "trained"}
    assert "exit code 7" in report.agents[1].error and "tried 3 times" in report.agents[1].error
    assert [(tmp_path / f"tried {agent}").read_text() for agent in agents] == ["...", "...", "."]
    assert sorted(path.name for path in (tmp_path / "agents").iterdir()) == ["lucky", "report.json", "unlucky"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
def test_no_process_is_left_when_the_run_ends_early(base: Path, tmp_path: Path, program: Program):
    train_agents(base, {"clinic": ROWS}, tmp_path / "made", **SETTINGS)
    both = "while len(list(here.glob('pid *'))) < 2:\n    time.sleep(0.01)\n"
    folder = program(both + "if job['agent'] == 'slow':\n    time.sleep(60)" + SAY_READY)
    started = time.monotonic()

    def stop(*said: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        agents = dict.fromkeys(["slow", "quick"], ROWS)
        train_agents(base, agents, tmp_path / "agents", executor="process", workers=2, on_agent=stop, **SETTINGS)
    assert time.monotonic() - started < 30
    pids = [int(path.name.split()[1]) for path in folder.glob("pid *")]
    assert len(pids) == 2
    assert not any(map(is_alive, pids))
