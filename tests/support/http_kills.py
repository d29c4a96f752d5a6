"""Workers that are killed under load: the others go on, and each comes back.

`python -m tests.support.http_kills --times 20` prints what happened.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from tests.support.http_servers import Burst, start_server
from tests.support.http_terminations import AGENTS, CLIENTS, run

WORKERS = 2


def kills(folder: Path, base: Path, agents: Path, times: int) -> dict[str, Any]:
    """Kill one worker after the other, so many times.

    Args:
        folder: For the program.
        base: In ONNX.
        agents: With those in `AGENTS`, at least.
        times: How many times.

    Returns:
        How many requests were answered, refused, lost (those that a killed worker was answering) or answered wrongly;
        how many were answered for each kill before the new worker was there, at least; and how long it took to come.
    """
    running = start_server(folder, agents, base, "--workers", f"{WORKERS}", "--no-access-log")
    try:
        workers = [running.wait_for("ready")["pid"] for _ in range(WORKERS)]
        burst = Burst(running, CLIENTS, AGENTS)
        meanwhile, back = [], []
        for _ in range(times):
            time.sleep(0.5)
            before, began = burst.answered, time.monotonic()
            os.kill(workers.pop(0), signal.SIGKILL)
            workers.append(running.wait_for("ready")["pid"])
            back.append(time.monotonic() - began)
            meanwhile.append(burst.answered - before)
        ended = running.stop()
        burst.join()
    finally:
        running.process.kill()
        running.process.wait()
    return {
        "times": times,
        "clients": CLIENTS,
        **{name: getattr(burst, name) for name in ("answered", "refused", "lost", "wrong")},
        "answered_before_it_was_back": min(meanwhile),
        "seconds_until_back": [round(min(back), 2), round(max(back), 2)],
        "exit_code": ended,
    }


if __name__ == "__main__":
    run(kills, "Workers that are killed under load", 20)
