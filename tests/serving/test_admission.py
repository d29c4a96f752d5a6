"""Whether requests come in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection

import pytest

from intent_adapters.errors import RequestError
from intent_adapters.serving.admission import HOLD_BACK_SECONDS, Admission


class Queue:
    def __init__(self, work: int) -> None:
        self.work = work

    def work_before(self, agents: Collection[str | None]) -> int:
        return self.work


def admission(waits: int, ms_per_character: float, max_wait_ms: float = 500) -> Admission:
    made = Admission(max_wait_ms, Queue(waits))
    made.measured(10_000, 10_000 * ms_per_character / 1000)
    return made


def test_a_request_comes_in_while_what_waits_is_done_soon():
    asyncio.run(admission(waits=250, ms_per_character=2).check())
    with pytest.raises(RequestError) as caught:
        asyncio.run(admission(waits=251, ms_per_character=2).check())
    assert (caught.value.status, caught.value.code) == (429, "overloaded")
    assert caught.value.headers == {"Retry-After": "1"}


@pytest.mark.parametrize(("waits", "seconds"), [(1000, "2"), (5000, "10")])
def test_who_is_turned_down_is_told_how_long_it_will_take(waits: int, seconds: str):
    with pytest.raises(RequestError) as caught:
        asyncio.run(admission(waits=waits, ms_per_character=2).check())
    assert caught.value.headers == {"Retry-After": seconds}


def test_a_refusal_is_held_back():
    started = time.perf_counter()
    with pytest.raises(RequestError):
        asyncio.run(admission(waits=1000, ms_per_character=2).check())
    assert time.perf_counter() - started > 0.9 * HOLD_BACK_SECONDS


def test_requests_that_are_being_read_count():
    made = admission(waits=100, ms_per_character=2)
    with made.entering(), made.entering():
        assert made.wait_ms() > 220
    assert made.wait_ms() == pytest.approx(200)


def test_how_long_work_takes_follows_what_was_measured_lately():
    made = admission(waits=1, ms_per_character=2)
    for _ in range(40):
        made.measured(4096, 4096 * 0.010)
    assert made.ms_per_character == pytest.approx(10, rel=0.01)


def test_what_lone_rows_take_says_nothing_of_full_batches():
    made = admission(waits=1, ms_per_character=2)
    for _ in range(1000):
        made.measured(40, 1.0)
    assert made.ms_per_character == 2
