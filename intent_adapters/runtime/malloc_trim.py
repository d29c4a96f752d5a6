"""Memory that the program has freed and the C library still holds."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import cache
from typing import Any


@cache
def _malloc_trim() -> Callable[[int], Any] | None:
    if not sys.platform.startswith("linux"):
        return None
    return getattr(ctypes.CDLL(None), "malloc_trim", None)


def trim_malloc() -> None:
    """Have glibc return to the system what is free between blocks in use; elsewhere nothing happens.

    Reading adapters leaves holes between those that stay, which glibc keeps: a third of a budget of 64 MB; opening a
    base in ONNX leaves as much as a third of what the base takes.
    """
    trim = _malloc_trim()
    if trim is not None:
        trim(0)
