"""How fast, how large: this library measured side by side with what one would take instead."""

from __future__ import annotations
