"""Python in processes of their own, in which some packages are as if they were not installed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable

# What answers in ONNX Runtime needs none of them, and each takes a large part of a second to import.
HEAVY = ("torch", "transformers", "peft", "sentence_transformers", "sklearn", "scipy", "datasets", "pyarrow")


def run_process(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a program; it is offline and speaks UTF-8."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=False)


def run_without(modules: Iterable[str], code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """The same without some packages."""
    absent = f"import sys\nsys.modules.update(dict.fromkeys({sorted(modules)!r}))\n"
    return run_process(absent + code, *arguments)


def is_alive(pid: int) -> bool:
    """Whether there is a process of a number."""
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True
