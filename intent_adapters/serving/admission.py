"""Whether a request may come in: if what waits already is done soon enough, by how long rows have taken lately."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from intent_adapters.errors import RequestError

# A client that is turned down at once comes again at once, and the rejections take the time that answers need: with
# 256 such clients the goodput fell to a third, and to nine tenths where each had to wait this long.
HOLD_BACK_SECONDS = 0.1
# Over how many rows the time that a row takes is averaged.
AVERAGED_ROWS = 256


class Admission:
    """Lets requests in as long as the queue is short.

    Args:
        max_wait_ms: How long what waits already may take.
        unanswered: How many rows wait or are being answered.

    Attributes:
        ms_per_row: How long a row takes.
    """

    def __init__(self, max_wait_ms: float, unanswered: Callable[[], int]) -> None:
        self._max_wait_ms = max_wait_ms
        self._unanswered = unanswered
        self._entering = 0
        self.ms_per_row = 0.0

    def measured(self, rows: int, seconds: float) -> None:
        """Take note of how long a batch took."""
        weight = min(1.0, rows / AVERAGED_ROWS) if self.ms_per_row else 1.0
        self.ms_per_row += weight * (1000 * seconds / rows - self.ms_per_row)

    @property
    def wait_ms(self) -> float:
        """How long a row that comes now will wait."""
        return (self._unanswered() + self._entering) * self.ms_per_row

    @contextmanager
    def entering(self) -> Iterator[None]:
        """While a request that was let in is read, it counts as a row that waits."""
        self._entering += 1
        try:
            yield
        finally:
            self._entering -= 1

    async def check(self) -> None:
        """See whether a request may come in; one that may not is held back for a moment.

        Raises:
            RequestError: It is to come again later.
        """
        wait = self.wait_ms
        if wait <= self._max_wait_ms:
            return
        await asyncio.sleep(HOLD_BACK_SECONDS)
        raise RequestError(
            429,
            "overloaded",
            "More requests wait than can be answered soon: try again later.",
            {"Retry-After": str(max(1, math.ceil(wait / 1000)))},
        )
