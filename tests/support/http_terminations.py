"""SIGTERM under load, again and again: no request that a server has taken may be without an answer.

`python -m tests.support.http_terminations --times 100` prints what happened.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from intent_adapters.loading import load_onnx_base
from intent_adapters.runtime.onnx.export import export_folder
from tests.support.adapters import random_adapter
from tests.support.http_servers import Burst, start_server
from tests.support.tiny_files import write_tiny_base

CLIENTS = 16
AGENTS = ("clinic", "it", "bank")


def terminations(folder: Path, base: Path, agents: Path, times: int) -> dict[str, Any]:
    """Start a server, load it, end it, so many times.

    Args:
        folder: For the program and the socket.
        base: In ONNX.
        agents: With those in `AGENTS`, at least.
        times: How many times.

    Returns:
        How many requests were answered, refused since too much waited, or lost; what was answered wrongly; and how
        many servers did not end with 0.
    """
    counts: dict[str, Any] = {"times": times, "answered": 0, "refused": 0, "lost": 0, "bad_exits": 0, "wrong": []}
    draw = random.Random(0)
    for _ in range(times):
        running = start_server(folder, agents, base, "--unix-socket", str(folder / "s"), "--no-access-log")
        try:
            running.wait_for("ready")
            burst = Burst(running, CLIENTS, AGENTS)
            while burst.answered < CLIENTS:
                time.sleep(0.005)
            time.sleep(draw.random() * 0.1)
            counts["bad_exits"] += running.stop(signal.SIGTERM) != 0
            burst.join()
        finally:
            running.process.kill()
            running.process.wait()
        for name in ("answered", "refused", "lost", "wrong"):
            counts[name] += getattr(burst, name)
    return counts


def write_agents(folder: Path) -> tuple[Path, Path]:
    """A tiny base in ONNX, and a folder with the agents in `AGENTS`."""
    export_folder(write_tiny_base(folder / "onnx"), None, precision="float32")
    base = load_onnx_base(folder / "onnx")
    for seed, agent in enumerate(AGENTS):
        random_adapter(base, labels=4, seed=seed).write(folder / "agents" / agent)
    return folder / "onnx", folder / "agents"


def run(measure: Callable[[Path, Path, Path, int], dict[str, Any]], description: str, times: int) -> None:
    """Measure on a tiny base as often as the command line says, and print JSON."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--times", type=int, default=times)
    times = parser.parse_args().times
    with tempfile.TemporaryDirectory() as name:
        base, agents = write_agents(Path(name))
        print(json.dumps(measure(Path(name), base, agents, times)))  # noqa: T201


if __name__ == "__main__":
    run(terminations, "SIGTERM under load", 100)
