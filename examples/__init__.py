"""Programs around the library, run from a clone: `python -m examples.benchmark`, `python -m examples.paper`."""

from __future__ import annotations
