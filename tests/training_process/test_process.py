"""The process that trains for others."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from intent_adapters.training_process import process
from intent_adapters.training_process.process import TrainingProcess


def test_it_ends_with_its_input():
    settings = '{"base": "nowhere", "revision": null, "device": null, "behind": true}'
    command = [sys.executable, "-m", process.PROGRAM, settings]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as started:
        assert started.stdin
        started.stdin.close()
        assert started.wait(30) == 0


@pytest.mark.parametrize("behind", [True, False])
def test_how_it_died_is_known_once_all_that_it_said_was_heard(monkeypatch: pytest.MonkeyPatch, behind: bool):
    monkeypatch.setattr(process, "PROGRAM", "this")  # which prints the Zen of Python: no event
    started = TrainingProcess("base", behind=behind)
    until = time.monotonic() + 30
    while not started.death and time.monotonic() < until:
        time.sleep(0.02)
    assert "ended with exit code" in (started.death or "")
    started.end()
