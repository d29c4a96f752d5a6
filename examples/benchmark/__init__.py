"""How fast, how large: this library measured side by side with what one would take instead."""

from __future__ import annotations

from examples.benchmark.results import Results
from examples.benchmark.running import Settings, benchmark
from examples.benchmark.systems import SYSTEMS

__all__ = ["SYSTEMS", "Results", "Settings", "benchmark"]
