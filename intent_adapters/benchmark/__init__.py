"""How fast, how large: this library measured side by side with what one would take instead."""

from __future__ import annotations

from intent_adapters.benchmark.results import Results
from intent_adapters.benchmark.running import Settings, benchmark
from intent_adapters.benchmark.systems import SYSTEMS

__all__ = ["SYSTEMS", "Results", "Settings", "benchmark"]
