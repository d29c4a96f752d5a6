"""Whether a request may come in: if what waits already is done soon enough, by how long work has taken lately."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Protocol

from intent_adapters.errors import RequestError
from intent_adapters.serving.batching import MAX_WORK, ROW_CHARACTERS

# A client that is turned down at once comes again at once, and the rejections take the time that answers need: with
# 256 such clients the goodput fell to a third; where each had to wait this long it fell by 4 %.
HOLD_BACK_SECONDS = 0.25
# Over how many characters the time that one takes is averaged.
AVERAGED_WORK = 4 * MAX_WORK
# What a smaller batch takes says more of batches than of characters: alone, a row takes several times as long.
MEASURED_WORK = MAX_WORK // 4


class Queue(Protocol):
    """What `Batcher` says of the work that waits, in characters."""

    @property
    def work(self) -> int:
        """All of it."""
        ...

    def work_before(self, agents: Collection[str | None]) -> int:
        """What has its turn before rows of these agents; it takes longer to find out."""
        ...


class Admission:
    """Lets requests in as long as the queue is short.

    Args:
        max_wait_ms: How long what waits already may take.
        queue: What waits.

    Attributes:
        ms_per_character: How long a character takes.
    """

    def __init__(self, max_wait_ms: float, queue: Queue) -> None:
        self._max_wait_ms = max_wait_ms
        self._queue = queue
        self._entering = 0
        self.ms_per_character = 0.0

    def measured(self, work: int, seconds: float) -> None:
        """Take note of how long a batch took."""
        if work >= MEASURED_WORK:
            weight = min(1.0, work / AVERAGED_WORK) if self.ms_per_character else 1.0
            self.ms_per_character += weight * (1000 * seconds / work - self.ms_per_character)

    def wait_ms(self, agents: Collection[str | None] = ()) -> float:
        """How long rows that come now will wait, of these agents or of one that nothing waits for."""
        return self._milliseconds(self._queue.work_before(agents))

    def _milliseconds(self, work: int) -> float:
        return (work + self._entering * ROW_CHARACTERS) * self.ms_per_character

    @contextmanager
    def entering(self) -> Iterator[None]:
        """While a request that was let in is read, it counts as a row that waits."""
        self._entering += 1
        try:
            yield
        finally:
            self._entering -= 1

    async def check(self, agents: Collection[str | None] = ()) -> None:
        """See whether a request may come in; one that may not is held back for a moment.

        Args:
            agents: Those that it asks, as far as that is known.

        Raises:
            RequestError: It is to come again later.
        """
        if self._milliseconds(self._queue.work) <= self._max_wait_ms:
            return
        wait = self.wait_ms(agents)
        if wait <= self._max_wait_ms:
            return
        await asyncio.sleep(HOLD_BACK_SECONDS)
        raise RequestError(
            429,
            "overloaded",
            "More requests wait than can be answered soon: try again later.",
            {"Retry-After": str(max(1, math.ceil(wait / 1000)))},
        )
