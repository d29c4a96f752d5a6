"""Table 4 and figure 2 come from saved folders and from clocks."""

from __future__ import annotations

import pytest

from examples.paper import sizes
from examples.paper.sizes import measure_footprint, measure_response
from tests.support.tiny import tiny_base


@pytest.fixture(autouse=True)
def few_agents(monkeypatch):
    monkeypatch.setattr(sizes, "AGENTS", (1, 2, 4))


@pytest.fixture
def bases(tmp_path):
    folders = []
    for seed, name in enumerate(("large", "small")):
        tiny_base(tmp_path, seed=seed).save_pretrained(str(tmp_path / name))
        folders.append(str(tmp_path / name))
    return folders


def test_totals_are_those_of_the_files(bases):
    found = measure_footprint(*bases, intents=7)
    size = found["distilled"]["bytes"]
    assert size > 4 * found["distilled"]["parameters"]
    assert found["totals"]["distilled, fine-tuned"] == {"1": size, "2": 2 * size, "4": 4 * size}
    adapters = found["totals"]["distilled, adapter"]
    assert adapters["1"] == size + found["adapter_bytes"]
    assert adapters["4"] - size == pytest.approx(4 * found["adapter_bytes"], rel=0.01)


def test_more_intents_take_more_room(bases):
    few, many = (measure_footprint(*bases, intents=count)["adapter_bytes"] for count in (5, 500))
    assert many > few


def test_both_encoders_are_timed_in_turn(bases):
    found = measure_response(*bases, threads=(1,), rounds=3, intents=5)
    one = found["threads"]["1"]
    assert one["large"] > 0
    assert one["ratio"] == pytest.approx(one["distilled"] / one["large"], rel=0.9)
