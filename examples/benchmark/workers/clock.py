"""Taking the time and the memory; the same code in our process and in a peer's."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

STATM = Path("/proc/self/statm")


def seconds_of(call: Callable[[], object], slice_seconds: float, most: int = 50) -> list[float]:
    """Times a call again and again until a slice of time is used up.

    Args:
        call: What is timed.
        slice_seconds: Seconds after which no further call is begun; one call is always made.
        most: Calls at most.

    Returns:
        Seconds of each call.
    """
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
