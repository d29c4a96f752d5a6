"""Whether a call has other threads compute."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch


def share_of_other_threads(call: Callable[[], object], seconds: float = 0.5) -> float:
    """CPU time of all other threads, over that of this one, while it repeats a call with two threads allowed."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        process, own, end = time.process_time(), time.thread_time(), time.perf_counter() + seconds
        while time.perf_counter() < end:
            call()
        own = time.thread_time() - own
        return (time.process_time() - process - own) / own
    finally:
        torch.set_num_threads(before)
