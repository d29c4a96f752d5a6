"""Rows of all requests, of any mix of agents, answered in batches by one thread.

No time is set aside to wait for more: what came in while the thread was busy is the next batch. Where more waits than
fits into one, agents take turns; of a long request only so many rows stand in the queue at a time, so that short ones
pass.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from intent_adapters.prediction import Prediction

MAX_ROWS = 64
# How many rows an agent has answered before it is another one's turn. With one, what waits for an agent that is asked
# a little more often than others would wait for as many rounds.
ROWS_IN_TURN = 4
# What a row costs beside its text, in characters.
ROW_CHARACTERS = 32
# Of a longer text no base reads the rest: most end at 512 tokens.
READ_CHARACTERS = 2048
# A batch of long texts is cut short, so that others need not wait for it: as much as 64 rows of 64 characters.
MAX_WORK = 6144
# How often the event loop goes round between two batches. Without, half of the clients would be asking while the other
# half is answered: twice as many batches, each half as large. With 64 clients on one core, 12 rounds gave 8 % more
# answers. They take no longer than what there is to read and to write.
ROUNDS = 12


class Row(NamedTuple):
    """A text and how it is to be answered.

    Attributes:
        text: The utterance; it is not empty.
        agent: Who is to answer; `None`: the bare base, which has embeddings only.
        top_k: How many intents the answer lists, at most.
        threshold: The scope score below which it is out of scope; `None`: the agent's own.
        embed: Whether the embedding is wanted, and not the intent.
    """

    text: str
    agent: str | None
    top_k: int = 3
    threshold: float | None = None
    embed: bool = False

    @property
    def work(self) -> int:
        """What it takes to answer, in characters."""
        return ROW_CHARACTERS + min(len(self.text), READ_CHARACTERS)


class Embedding(NamedTuple):
    """The embedding of a text.

    Attributes:
        vector: (dimensions,).
        tokens: How many tokens were read.
    """

    vector: NDArray[np.float32]
    tokens: int


Outcome = Prediction | Embedding | Exception


class Batch(NamedTuple):
    """A batch that was answered.

    Attributes:
        rows: How many.
        work: What they take, in characters.
        seconds: What it took, from when the one before was done or its first row came.
        waits: For each request that had its first rows in it, how many seconds these had waited.
    """

    rows: int
    work: int
    seconds: float
    waits: list[float]


class _Waiting:
    """A request whose rows are being answered."""

    __slots__ = ("arrived", "closed", "entered", "future", "inside", "left", "outcomes", "rows", "work")

    def __init__(self, rows: Sequence[Row], future: asyncio.Future[list[Outcome]]) -> None:
        self.rows = rows
        self.future = future
        self.arrived: float | None = time.perf_counter()  # None once a batch has begun on it
        self.outcomes: list[Outcome | None] = [None] * len(rows)
        self.left = len(rows)  # rows without an outcome
        self.entered = 0  # rows that have been in the queue
        self.inside = 0  # rows that are in the queue
        self.work = 0  # what these take
        self.closed = False  # nobody waits for it any more


class Batcher:
    """Answers rows in batches.

    Args:
        predict: Answers a batch, row by row; it is called in one thread of its own.
        report: Is told of each batch, in the event loop.
        max_rows: Rows in a batch, at most; also how many rows of one request are in the queue at a time.
        max_work: Work in a batch, at most, unless one row alone takes more; and as for `max_rows`.
    """

    def __init__(
        self,
        predict: Callable[[Sequence[Row]], Sequence[Outcome]],
        report: Callable[[Batch], object] = lambda batch: None,
        *,
        max_rows: int = MAX_ROWS,
        max_work: int = MAX_WORK,
    ) -> None:
        self._predict, self._report = predict, report
        self._max_rows, self._max_work = max_rows, max_work
        self._queues: OrderedDict[str | None, deque[tuple[_Waiting, int]]] = OrderedDict()
        self._changed = threading.Condition()
        self._stopping = False
        self._delivering = False  # requests of the last batch are being answered, and their clients' next ones read
        self._thread = threading.Thread(target=self._work, name="intent-adapters-batches", daemon=True)
        self.queued = 0
        """Rows in the queue."""
        self.running = 0
        """Rows in the batch that is being answered."""
        self._queued_work = 0
        self._running_work = 0

    def start(self) -> None:
        """Begin to answer, for the event loop that runs in this thread."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    async def stop(self) -> None:
        """Answer what is in the queue, and stop."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        await asyncio.to_thread(self._thread.join)

    @property
    def is_alive(self) -> bool:
        """Whether it answers."""
        return self._thread.is_alive()

    def submit(self, rows: Sequence[Row]) -> asyncio.Future[list[Outcome]]:
        """Have rows answered.

        Args:
            rows: At least one.

        Returns:
            The outcome of each row: its prediction or embedding, or what kept it from one. If the future is cancelled,
            or given an exception, rows that no batch has begun on are not answered.
        """
        future: asyncio.Future[list[Outcome]] = self._loop.create_future()
        waiting = _Waiting(rows, future)
        future.add_done_callback(lambda _: self._close(waiting))
        with self._changed:
            self._enter(waiting)
            if self._may_take():
                self._changed.notify()
        return future

    @property
    def work(self) -> int:
        """What waits or is being answered, in characters."""
        return self._queued_work + self._running_work

    def work_before(self, agents: Collection[str | None]) -> int:
        """What is done, in characters, before it is the turn of rows that come now.

        Args:
            agents: Of these rows. What waits for others counts as far as it has its turn before.
        """
        with self._changed:
            queues = {
                agent: [entry for entry in queue if not entry[0].closed] for agent, queue in self._queues.items()
            }
            running = self._running_work
        behind = max((len(queues.get(agent, ())) for agent in agents), default=0)
        reach = (behind // ROWS_IN_TURN + 1) * ROWS_IN_TURN
        return running + sum(waiting.rows[index].work for queue in queues.values() for waiting, index in queue[:reach])

    def _close(self, waiting: _Waiting) -> None:
        if not waiting.left:
            return
        with self._changed:
            waiting.closed = True
            self.queued -= waiting.inside
            self._queued_work -= waiting.work
            waiting.inside = waiting.work = 0

    def _work(self) -> None:
        while True:
            started = time.perf_counter()
            with self._changed:
                while not self._may_take():
                    self._changed.wait()
                    started = time.perf_counter()
                if not self._queues:
                    return
                taken = self._take()
                self.running = len(taken)
                self._running_work = sum(waiting.rows[index].work for waiting, index in taken)
            if taken:
                self._answer(taken, started)
                self.running = self._running_work = 0

    def _answer(self, taken: list[tuple[_Waiting, int]], started: float) -> None:
        waits = []
        for waiting, _ in taken:
            if waiting.arrived is not None:
                waits.append(started - waiting.arrived)
                waiting.arrived = None
        outcomes = self._outcomes([waiting.rows[index] for waiting, index in taken])
        done = []
        for (waiting, index), outcome in zip(taken, outcomes, strict=True):
            waiting.outcomes[index] = outcome
            waiting.left -= 1
            if not waiting.left:
                done.append(waiting)
        batch = Batch(len(taken), self._running_work, time.perf_counter() - started, waits)
        self._delivering = len(done) > 1
        self._loop.call_soon_threadsafe(self._deliver, done, batch)

    def _outcomes(self, rows: list[Row]) -> Sequence[Outcome]:
        """What each row gets. If a batch fails as a whole, its agents and then its rows are tried alone."""
        try:
            return self._predict(rows)
        except Exception as error:  # whatever it is, the other rows are to be answered
            if len(rows) == 1:
                return [error]
        agents = {row.agent for row in rows}
        parts: Iterable[list[int]]
        if len(agents) > 1:
            parts = [[index for index, row in enumerate(rows) if row.agent == agent] for agent in agents]
        else:
            parts = [[index] for index in range(len(rows))]
        found: dict[int, Outcome] = {}
        for part in parts:
            found |= zip(part, self._outcomes([rows[index] for index in part]), strict=True)
        return [found[index] for index in range(len(rows))]

    def _deliver(self, done: list[_Waiting], batch: Batch) -> None:
        """Give requests their answers, in the event loop."""
        for waiting in done:
            if not waiting.future.done():
                waiting.future.set_result([outcome for outcome in waiting.outcomes if outcome is not None])
        self._loop.call_soon(self._report, batch)  # behind the responses
        if len(done) > 1:
            self._go_on(ROUNDS)

    def _go_on(self, rounds: int) -> None:
        """Let the next batch begin when the event loop has gone round a few times."""
        if rounds:
            self._loop.call_soon(self._go_on, rounds - 1)
            return
        with self._changed:
            self._delivering = False
            self._changed.notify()

    # What follows is called with the lock held.

    def _may_take(self) -> bool:
        """Whether the next batch may begin."""
        if self._delivering and self.queued < self._max_rows and self._queued_work < self._max_work:
            return False
        return bool(self._queues) or self._stopping

    def _enter(self, waiting: _Waiting) -> None:
        """Put as many rows of a request into the queue as may stand there."""
        while waiting.entered < len(waiting.rows) and waiting.inside < self._max_rows:
            index = waiting.entered
            row = waiting.rows[index]
            if waiting.inside and waiting.work + row.work > self._max_work:
                return
            waiting.entered += 1
            waiting.inside += 1
            waiting.work += row.work
            self.queued += 1
            self._queued_work += row.work
            queue = self._queues.get(row.agent)
            if queue is None:
                queue = self._queues[row.agent] = deque()
            queue.append((waiting, index))

    def _take(self) -> list[tuple[_Waiting, int]]:
        """The next batch: some rows of each agent in turn."""
        taken: list[tuple[_Waiting, int]] = []
        work = 0
        while self._queues:
            agent, queue = next(iter(self._queues.items()))
            for _ in range(min(ROWS_IN_TURN, len(queue))):
                waiting, index = queue[0]
                if not waiting.closed:
                    row = waiting.rows[index]
                    work += row.work
                    if len(taken) == self._max_rows or (taken and work > self._max_work):
                        return taken
                    taken.append((waiting, index))
                    waiting.inside -= 1
                    waiting.work -= row.work
                    self.queued -= 1
                    self._queued_work -= row.work
                    self._enter(waiting)
                queue.popleft()
            if queue:
                self._queues.move_to_end(agent)
            else:
                del self._queues[agent]
        return taken
