"""How far a figure may be off because the rows are a sample."""

from __future__ import annotations

import math

Z = 1.959964
"""Of a 95 % interval."""


def share_interval(share: float, rows: int) -> tuple[float, float]:
    """95 % interval, within 0 and 1, of a share that was counted on some rows, at least one (Wilson, 1927)."""
    middle = (share + Z**2 / (2 * rows)) / (1 + Z**2 / rows)
    half = Z * math.sqrt(share * (1 - share) / rows + Z**2 / (4 * rows**2)) / (1 + Z**2 / rows)
    return max(middle - half, 0.0), min(middle + half, 1.0)
