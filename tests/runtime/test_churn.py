"""Soak: threads predict while others load, replace, evict and unload."""

from __future__ import annotations

import os

import pytest

from intent_adapters import IntentModel
from tests.support.adapters import random_adapter
from tests.support.churn import Churn
from tests.support.memory import linux
from tests.support.tiny import tiny_base

MEGABYTE = 2**20
SHAPES = [
    {"sites": "houlsby", "bottleneck_size": 4},
    {"sites": "houlsby", "bottleneck_size": 4, "seed": 1},
    {"sites": "pfeiffer", "bottleneck_size": 6},
    {"sites": "parallel", "bottleneck_size": 4},
    {"sites": "none"},
    {"sites": "houlsby", "bottleneck_size": 4, "seed": 5, "head": "linear"},
]


def soak(tmp_path, seconds: float) -> Churn:
    base = tiny_base(tmp_path)
    folders = []
    for index, shape in enumerate(SHAPES):
        folders.append(tmp_path / f"version {index}")
        random_adapter(base, **{"labels": 6, "seed": index, **shape}).write(folders[-1])
    model = IntentModel(base, max_adapter_bytes=6 * 20_000)
    churn = Churn(model, folders)
    churn.run(seconds)
    assert churn.failures == []
    stats = model.stats
    assert stats.evictions > churn.changes / 10, "the budget must be too small for all"
    assert stats.bytes <= stats.max_bytes
    for name in model.agents:
        model.unload_adapter(name)
    stats = model.stats
    assert (stats.resident, stats.bytes, stats.pinned) == (0, 0, 0), "something was not given back"
    return churn


@linux
def test_half_a_minute_of_everything_at_once(tmp_path):
    churn = soak(tmp_path, 30)
    assert churn.calls > 100
    assert churn.changes > 100
    settled = churn.memory[len(churn.memory) // 3 :]
    assert max(settled) - settled[0] < 24 * MEGABYTE


@linux
@pytest.mark.slow
@pytest.mark.timeout(4000)
def test_half_an_hour_of_everything_at_once(tmp_path):
    churn = soak(tmp_path, float(os.environ.get("INTENT_ADAPTERS_SOAK_SECONDS", "1800")))
    sixth = len(churn.memory) // 6
    early, late = churn.memory[sixth : 2 * sixth], churn.memory[-sixth:]
    assert max(late) - max(early) < 8 * MEGABYTE
