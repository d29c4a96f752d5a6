from __future__ import annotations

import pytest

from examples.benchmark.workers import measuring


def test_calls_are_timed_until_the_slice_is_used_up_and_once_at_least():
    calls: list[int] = []
    assert len(measuring.seconds_of(lambda: calls.append(1), 0.0)) == len(calls) == 1
    assert len(measuring.seconds_of(lambda: None, 60.0, most=7)) == 7


def test_memory_is_looked_at_after_the_weights_were_read(monkeypatch: pytest.MonkeyPatch):
    read: list[int] = []
    monkeypatch.setattr(measuring, "resident_bytes", lambda: 1000 + 10 * len(read))
    found = measuring.measure_loading(lambda index: None, read.append, 4, 60.0)
    assert read == [0, 1, 2, 3]
    assert (found["bytes_before"], found["bytes_first"], found["bytes_all"]) == (1000, 1010, 1040)
    assert len(found["seconds"]) == 4


def test_memory_that_is_used_is_seen():
    before = measuring.resident_bytes()
    if before is None:
        pytest.skip("this system does not tell the memory of a process")
    held = bytearray(b"x" * 50_000_000)
    after = measuring.resident_bytes()
    assert after is not None
    assert 40_000_000 < after - before < 100_000_000
    assert held
