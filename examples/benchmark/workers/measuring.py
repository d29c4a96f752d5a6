"""Taking the time and the memory, and the files of agents; the same code in our process and in a peer's."""

from __future__ import annotations

import gc
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

MEMINFO, STATM = Path("/proc/meminfo"), Path("/proc/self/statm")
SHARE = 0.6
"""Of the memory that is free: more than that nothing may take."""


class NotMeasurable(Exception):
    """Something cannot be measured on this machine; the message is the reason that the report gives."""


def seconds_of(call: Callable[[], object], slice_seconds: float, most: int = 50) -> list[float]:
    """Seconds of each call; no further one is begun after `slice_seconds` or `most` calls, one is always made."""
    took: list[float] = []
    began = time.perf_counter()
    while not took or (len(took) < most and time.perf_counter() - began < slice_seconds):
        start = time.perf_counter()
        call()
        took.append(time.perf_counter() - start)
    return took


def resident_bytes() -> int | None:
    """Memory of this process in RAM, or None where the system has no /proc."""
    gc.collect()
    if not STATM.exists():
        return None
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def measure_loading(
    load: Callable[[int], object], read: Callable[[int], object], most: int, budget_seconds: float
) -> dict[str, Any]:
    """Loads agent after agent, and looks at the time of each and at what they take in memory.

    Args:
        load: Loads the agent of the given number and keeps it.
        read: Reads all weights of a loaded agent: files may be mapped into memory, and be read only when used. It is
            not timed.
        most: Agents to load at most.
        budget_seconds: Seconds after which no further agent is loaded.

    Returns:
        `seconds` of each load, `bytes_before` the first agent, `bytes_first` with it, `bytes_all` with all of them.
    """
    took: list[float] = []
    before = resident_bytes()
    first = before
    began = time.perf_counter()
    for index in range(most):
        start = time.perf_counter()
        load(index)
        took.append(time.perf_counter() - start)
        if index == 0:
            read(0)
            first = resident_bytes()
        if time.perf_counter() - began > budget_seconds:
            break
    for index in range(1, len(took)):
        read(index)
    return {"seconds": took, "bytes_before": before, "bytes_first": first, "bytes_all": resident_bytes()}


def check_room(what: str, needed: int) -> None:
    """Refuses what would take more than a good half of the memory that is free, where the system tells it.

    Raises:
        NotMeasurable: Too little is free.
    """
    if not MEMINFO.exists():
        return
    lines = dict(line.split(":", 1) for line in MEMINFO.read_text().splitlines())
    free = int(lines["MemAvailable"].split()[0]) * 1024
    if needed > SHARE * free:
        raise NotMeasurable(f"{what} need {needed / 1e9:.1f} GB of memory, and {free / 1e9:.1f} GB are free")


def folder_bytes(folder: str | Path) -> int:
    """The sum of the sizes of all files below a folder."""
    return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())


def agent_folder(work: str | Path, system: str, index: int) -> Path:
    """Where a system's agent of that number is saved."""
    return Path(work, system, "agents", f"agent-{index}")


def copy_agent(work: str | Path, system: str, count: int) -> None:
    """Makes agents 1, 2, ... as copies of agent 0, each in a folder of its own."""
    for index in range(1, count):
        shutil.copytree(agent_folder(work, system, 0), agent_folder(work, system, index))
