"""Soak: threads predict while others load, replace, evict and unload."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.churn import BUDGET, Backend, Churn, churn
from tests.support.memory import linux

MEGABYTE = 2**20


def soak(folder: Path, seconds: float, backend: Backend) -> Churn:
    done = churn(folder, seconds, backend)
    assert done.failures == []
    model = done.model
    assert model.stats.evictions > done.changes / 10, "the budget must be too small for all"
    assert model.stats.bytes <= BUDGET
    for name in model.agents:
        model.unload_adapter(name)
    stats = model.stats
    assert (stats.resident, stats.bytes, stats.pinned) == (0, 0, 0), "something was not given back"
    return done


@linux
@pytest.mark.parametrize("backend", ["torch", "onnx"])
def test_seconds_of_everything_at_once(tmp_path, backend):
    done = soak(tmp_path, 4, backend)
    assert done.calls > 100
    assert done.changes > 100
    settled = done.memory[len(done.memory) // 3 :]
    assert max(settled) - settled[0] < 24 * MEGABYTE


@linux
@pytest.mark.slow
@pytest.mark.timeout(4000)
@pytest.mark.parametrize("backend", ["torch", "onnx"])
def test_half_an_hour_of_everything_at_once(tmp_path, backend):
    done = soak(tmp_path, float(os.environ.get("INTENT_ADAPTERS_SOAK_SECONDS", "1800")), backend)
    sixth = len(done.memory) // 6
    early, late = done.memory[sixth : 2 * sixth], done.memory[-sixth:]
    assert max(late) - max(early) < 8 * MEGABYTE
