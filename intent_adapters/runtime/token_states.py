"""The states of tokens inside of the encoder, which taggers read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class TokenStates:
    """States that passes of the encoder are to keep.

    Attributes:
        layers: For rows whose states are wanted: behind which layer, from 1.
        found: The states of these rows (tokens, width), without padding: what `Runtime.embed` fills.
        offsets: Of all rows, where their tokens start and end: what `Runtime.embed` fills.
    """

    layers: Mapping[int, int]
    found: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    offsets: list[list[tuple[int, int]]] = field(default_factory=list)

    def of(self, rows: Sequence[int]) -> set[int]:
        """The layers that some rows want."""
        return {self.layers[row] for row in rows if row in self.layers}

    def keep(self, rows: Sequence[int], layer: int, states: NDArray[np.float32], mask: NDArray[np.integer]) -> None:
        """Take the states that a pass gave.

        Args:
            rows: Of the pass.
            layer: Behind which the states are.
            states: (rows, tokens, width).
            mask: 1 for tokens, 0 for padding: (rows, tokens).
        """
        for place, row in enumerate(rows):
            if self.layers.get(row) == layer:
                self.found[row] = states[place][mask[place] == 1]
