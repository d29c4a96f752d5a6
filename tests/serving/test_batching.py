"""Rows in batches, with an answer that can be held back and made to fail."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intent_adapters.prediction import Prediction
from intent_adapters.serving.batching import MAX_WORK, Batch, Batcher, Outcome, Row


def answer(row: Row) -> Prediction:
    return Prediction(row.agent, row.text, 1.0, (), in_scope=True, scope_score=1.0)


class Model:
    """Answers each text by itself; while it is held, by nothing."""

    def __init__(self) -> None:
        self.batches: list[list[Row]] = []
        self.open = threading.Event()
        self.open.set()
        self.begun = threading.Event()
        self.seconds = 0.0
        self.fails: Callable[[Sequence[Row]], bool] = lambda rows: False

    def predict(self, rows: Sequence[Row]) -> list[Outcome]:
        self.batches.append(list(rows))
        self.begun.set()
        assert self.open.wait(10)
        time.sleep(self.seconds)
        if self.fails(rows):
            raise RuntimeError("no answer")
        return [answer(row) for row in rows]

    async def hold(self, batcher: Batcher) -> asyncio.Future[list[Outcome]]:
        """Have one row be answered until `open` is set."""
        self.open.clear()
        self.begun.clear()
        first = batcher.submit([Row("held", "held")])
        await asyncio.to_thread(self.begun.wait, 10)
        self.batches.clear()
        return first


def run(test: Callable[[Model, Batcher], Awaitable[None]], **options: int) -> list[Batch]:
    reports: list[Batch] = []

    async def main() -> None:
        model = Model()
        batcher = Batcher(model.predict, reports.append, **options)
        batcher.start()
        try:
            await asyncio.wait_for(test(model, batcher), 10)
        finally:
            model.open.set()
            await batcher.stop()
        assert batcher.queued == 0

    asyncio.run(main())
    return reports


def rows(agent: str, count: int) -> list[Row]:
    return [Row(f"{agent} {number}", agent) for number in range(count)]


def test_what_came_while_it_was_busy_is_the_next_batch():
    async def test(model: Model, batcher: Batcher) -> None:
        first = await model.hold(batcher)
        others = [batcher.submit(rows(agent, 2)) for agent in "abc"]
        assert batcher.queued == 6
        model.open.set()
        assert [await other for other in others] == [[answer(row) for row in rows(agent, 2)] for agent in "abc"]
        assert await first == [answer(Row("held", "held"))]
        assert [len(batch) for batch in model.batches] == [6]

    reports = run(test)
    assert [(report.rows, len(report.waits)) for report in reports] == [(1, 1), (6, 3)]
    assert all(wait >= 0 for report in reports for wait in report.waits)


def test_clients_that_ask_again_at_once_are_in_the_next_batch():
    async def test(model: Model, batcher: Batcher) -> None:
        async def ask_often() -> None:
            for row in rows("a", 5):
                await batcher.submit([row])

        first = await model.hold(batcher)
        clients = [asyncio.create_task(ask_often()) for _ in range(10)]
        await asyncio.sleep(0)
        model.open.set()
        await asyncio.gather(first, *clients)
        assert [len(batch) for batch in model.batches] == [10] * 5

    run(test)


def test_agents_take_turns():
    async def test(model: Model, batcher: Batcher) -> None:
        await model.hold(batcher)
        greedy = batcher.submit(rows("greedy", 40))
        modest = batcher.submit(rows("modest", 2))
        model.open.set()
        await asyncio.gather(greedy, modest)
        assert Counter(row.agent for row in model.batches[0]) == {"greedy": 6, "modest": 2}

    run(test, max_rows=8)


def test_what_is_asked_a_little_more_often_does_not_wait_for_many_rounds():
    async def test(model: Model, batcher: Batcher) -> None:
        await model.hold(batcher)
        asked = [batcher.submit([Row(f"{number}", agent)]) for number, agent in enumerate("abcdefghijaaa")]
        model.open.set()
        await asyncio.gather(*asked)
        assert Counter(row.agent for row in model.batches[0])["a"] == 4

    run(test, max_rows=8)


def test_a_short_request_passes_a_long_one_of_the_same_agent():
    async def test(model: Model, batcher: Batcher) -> None:
        await model.hold(batcher)
        long = batcher.submit(rows("a", 100))
        short = batcher.submit([Row("short", "a")])
        assert batcher.queued == 9
        model.seconds = 0.005
        model.open.set()
        await short
        assert not long.done()
        assert await long == [answer(row) for row in rows("a", 100)]
        assert "short" in [row.text for row in model.batches[1]]
        assert max(map(len, model.batches)) == 8

    run(test, max_rows=8)


def test_long_texts_cut_a_batch_short():
    async def test(model: Model, batcher: Batcher) -> None:
        await model.hold(batcher)
        asked = [batcher.submit([Row("x" * length, "a")]) for length in (600, 300, 200, 5000, 1)]
        model.open.set()
        await asyncio.gather(*asked)
        assert [[len(row.text) for row in batch] for batch in model.batches] == [[600, 300], [200], [5000], [1]]

    run(test, max_work=1000)


def test_what_waits_for_an_agent_is_what_has_its_turn_before():
    async def test(model: Model, batcher: Batcher) -> None:
        await model.hold(batcher)
        held = batcher.work_before(())
        assert held == Row("held", "held").work
        row = Row("x" * 468, "greedy")
        long = batcher.submit([row] * 1000)
        assert batcher.work_before(["other"]) == batcher.work_before(()) == held + 4 * row.work
        assert held + 4 * row.work < batcher.work_before(["greedy"]) <= held + MAX_WORK
        for number in range(9):
            batcher.submit([Row(f"{number}", "a")])
        assert batcher.work_before(["other"]) == held + 4 * row.work + 4 * Row("0", "a").work
        assert batcher.work_before(["other", "a"]) == batcher.work_before(["greedy"])
        long.cancel()
        await asyncio.wait([long])
        assert batcher.work_before(["greedy"]) == held + 4 * Row("0", "a").work

    run(test)


def test_of_a_request_with_long_texts_no_more_than_a_batch_is_in_the_queue():
    async def test(model: Model, batcher: Batcher) -> None:
        await model.hold(batcher)
        long = batcher.submit([Row("x" * length, "a") for length in (300, 3000, 300, 3000, 300, 300)] * 5)
        assert batcher.queued == 1
        short = batcher.submit([Row("short", "a")])
        model.open.set()
        await asyncio.wait([long, short])
        assert "short" in [row.text for row in model.batches[0]]
        assert max(sum(row.work for row in batch) for batch in model.batches if len(batch) > 1) <= 1000
        assert len(await long) == 30

    run(test, max_work=1000)


@pytest.mark.parametrize("how", ["cancelled", "expired"])
def test_rows_that_nobody_waits_for_are_not_answered(how: str):
    async def test(model: Model, batcher: Batcher) -> None:
        await model.hold(batcher)
        gone, other = batcher.submit(rows("a", 20)), batcher.submit(rows("a", 1))
        if how == "cancelled":
            gone.cancel()
        else:
            gone.set_exception(TimeoutError())
        await asyncio.wait([gone])
        assert batcher.queued == 1
        model.open.set()
        assert await other == [answer(row) for row in rows("a", 1)]
        assert model.batches == [rows("a", 1)]

    run(test, max_rows=8)


def test_a_client_that_leaves_in_the_middle():
    async def test(model: Model, batcher: Batcher) -> None:
        await model.hold(batcher)
        model.seconds = 0.005
        long = batcher.submit(rows("a", 100))
        model.begun.clear()
        model.open.set()
        await asyncio.to_thread(model.begun.wait, 10)
        long.cancel()
        assert await batcher.submit([Row("next", "b")]) == [answer(Row("next", "b"))]
        assert sum(map(len, model.batches)) < 101

    run(test, max_rows=1)


@pytest.mark.parametrize("culprit", [Row("b 1", "b"), Row("a 0", "a")])
def test_only_the_row_that_makes_a_batch_fail_gets_the_error(culprit: Row):
    async def test(model: Model, batcher: Batcher) -> None:
        model.fails = lambda batch: culprit in batch
        await model.hold(batcher)
        asked = [batcher.submit(rows(agent, 3)) for agent in "abc"]
        model.open.set()
        found = [await one for one in asked]
        for agent, outcomes in zip("abc", found, strict=True):
            for row, outcome in zip(rows(agent, 3), outcomes, strict=True):
                assert isinstance(outcome, RuntimeError) if row == culprit else outcome == answer(row)
        assert await batcher.submit([Row("after", "a")]) == [answer(Row("after", "a"))]

    run(test)


def test_what_is_in_the_queue_is_answered_before_it_stops():
    async def main() -> None:
        model = Model()
        batcher = Batcher(model.predict, max_rows=4)
        batcher.start()
        await model.hold(batcher)
        asked = [batcher.submit(rows(agent, 9)) for agent in "ab"]
        stopping = asyncio.create_task(batcher.stop())
        await asyncio.sleep(0)
        model.open.set()
        await stopping
        await asyncio.sleep(0)
        assert [one.result() for one in asked] == [[answer(row) for row in rows(agent, 9)] for agent in "ab"]
        assert not batcher.is_alive

    asyncio.run(main())


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.sampled_from("abcd"), min_size=1, max_size=12), max_size=8), st.integers(1, 7))
def test_every_row_gets_its_own_answer(requests: list[list[str]], max_rows: int):
    async def test(model: Model, batcher: Batcher) -> None:
        await model.hold(batcher)
        asked = [
            [Row(f"{number} {place}", agent) for place, agent in enumerate(agents)]
            for number, agents in enumerate(requests)
        ]
        futures = [batcher.submit(request) for request in asked]
        model.open.set()
        for request, future in zip(asked, futures, strict=True):
            assert await future == [answer(row) for row in request]
        assert Counter(row for batch in model.batches for row in batch) == Counter(row for r in asked for row in r)
        assert all(len(batch) <= max_rows for batch in model.batches)

    run(test, max_rows=max_rows)
