"""How much memory this process has, as the operating system sees it."""

from __future__ import annotations

import ctypes
import gc
import sys
from pathlib import Path

import pytest

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, and counts on what Linux does with pages")


def resident_memory(trim: bool = True) -> int:
    """Bytes of physical memory.

    Args:
        trim: First have Python and the C library give back what nobody uses.
    """
    if trim:
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS in /proc/self/status")
