"""What the processes of a server tell each other."""

from __future__ import annotations

from multiprocessing import get_context
from typing import Any

WIDTH = 12  # characters of a generation


class Shared:
    """A few bytes of memory that all processes of a server have.

    Args:
        processes: How many there are.

    Attributes:
        place: The number of this process.
    """

    def __init__(self, processes: int = 1) -> None:
        self._memory: Any = get_context("spawn").RawArray("c", 1 + WIDTH * processes)
        self.place = 0

    @property
    def draining(self) -> bool:
        """Whether an administrator wants no further requests to be sent here."""
        return bool(self._memory[0] == b"\1")

    @draining.setter
    def draining(self, value: bool) -> None:
        self._memory[0] = b"\1" if value else b"\0"

    def tell(self, generation: str, place: int | None = None) -> None:
        """Say which generation of the agents this process has, or the one of another number."""
        start = 1 + WIDTH * (self.place if place is None else place)
        self._memory[start : start + WIDTH] = generation.encode().ljust(WIDTH, b"\0")

    @property
    def agreed(self) -> bool:
        """Whether all processes have the same generation."""
        raw = self._memory.raw[1:]
        return len({raw[start : start + WIDTH] for start in range(0, len(raw), WIDTH)}) == 1
