"""Whether requests come in."""

from __future__ import annotations

import asyncio
import time

import pytest

from intent_adapters.errors import RequestError
from intent_adapters.serving.admission import HOLD_BACK_SECONDS, Admission


def admission(queued: int, ms_per_row: float, max_wait_ms: float = 500) -> Admission:
    made = Admission(max_wait_ms, lambda: queued)
    made.measured(10, 10 * ms_per_row / 1000)
    return made


def test_a_request_comes_in_while_what_waits_is_done_soon():
    asyncio.run(admission(queued=250, ms_per_row=2).check())
    with pytest.raises(RequestError) as caught:
        asyncio.run(admission(queued=251, ms_per_row=2).check())
    assert (caught.value.status, caught.value.code) == (429, "overloaded")
    assert caught.value.headers == {"Retry-After": "1"}


@pytest.mark.parametrize(("queued", "seconds"), [(1000, "2"), (5000, "10")])
def test_who_is_turned_down_is_told_how_long_it_will_take(queued: int, seconds: str):
    with pytest.raises(RequestError) as caught:
        asyncio.run(admission(queued=queued, ms_per_row=2).check())
    assert caught.value.headers == {"Retry-After": seconds}


def test_a_refusal_is_held_back():
    started = time.perf_counter()
    with pytest.raises(RequestError):
        asyncio.run(admission(queued=1000, ms_per_row=2).check())
    assert time.perf_counter() - started > 0.9 * HOLD_BACK_SECONDS


def test_requests_that_are_being_read_count():
    made = admission(queued=1, ms_per_row=2)
    with made.entering(), made.entering():
        assert made.wait_ms == pytest.approx(6)
    assert made.wait_ms == pytest.approx(2)


def test_how_long_a_row_takes_follows_what_was_measured_lately():
    made = admission(queued=1, ms_per_row=2)
    for _ in range(40):
        made.measured(64, 64 * 0.010)
    assert made.ms_per_row == pytest.approx(10, rel=0.01)
    made.measured(1, 1.0)
    assert made.ms_per_row < 20
