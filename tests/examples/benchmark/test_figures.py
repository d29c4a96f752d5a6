from __future__ import annotations

import pytest

from examples.benchmark.figures import disk_figures, loading_figures, ratio, spread, timing_figures


def test_spread_is_the_median_with_quartiles():
    assert spread([5.0, 1.0, 2.0, 4.0, 3.0]) == {"median": 3.0, "low": 2.0, "high": 4.0}
    assert spread([7.0]) == {"median": 7.0, "low": 7.0, "high": 7.0}


def test_a_ratio_pairs_the_rounds_so_that_a_slow_round_cancels_out():
    slow_machine_in_round_1 = {"0": 2.0, "1": 20.0, "2": 2.0}
    assert ratio(slow_machine_in_round_1, {"0": 1.0, "1": 10.0, "2": 1.0, "3": 50.0}) == spread([2.0, 2.0, 2.0])
    assert ratio({"0": 1.0}, {"1": 1.0}) is None


def test_a_round_counts_as_the_median_of_its_calls():
    stage = {
        "rounds": {"peer": {"one": {"0": [0.001, 0.009, 0.002], "3": [0.004]}, "batch-8": {"0": [0.5]}}},
        "references": {"peer": {"one": {"0": [0.001]}, "batch-1": {"0": [0.25]}}},
    }
    one, batch = timing_figures({2: stage})
    assert (one["threads"], one["calls"], one["rounds"]) == (2, 4, pytest.approx({"0": 2.0, "3": 4.0}))
    assert one["milliseconds"]["median"] == pytest.approx(3.0)
    assert one["bare_rounds"] == pytest.approx({"0": 1.0})
    # The bare encoder has no agents: a batch to many is compared with the one batch there is.
    assert batch["bare_rounds"] == pytest.approx({"0": 250.0})


def test_loading_looks_at_nine_loads_around_each_place_and_leaves_the_first_out_of_the_memory():
    seconds = [9.0] + [0.001] * 8 + [0.5] * 50 + [0.002] * 9
    found = loading_figures({"seconds": seconds, "bytes_before": 10, "bytes_first": 1000, "bytes_all": 1000 + 67 * 7})
    assert found["milliseconds"] == pytest.approx({"1": 1.0, "64": 2.0})
    assert found["very_first_milliseconds"] == pytest.approx(9000)
    assert (found["loaded"], found["bytes_per_agent"]) == (68, 7)


def test_memory_is_unknown_where_the_system_does_not_tell():
    found = loading_figures({"seconds": [0.1, 0.2], "bytes_before": None, "bytes_first": None, "bytes_all": None})
    assert found["bytes_per_agent"] is None


def test_disk_adds_the_agents_to_the_base_and_leaves_out_what_has_no_files():
    disk = disk_figures({"ours": {"base_bytes": 100, "agent_bytes": 3}, "bare": None})
    assert disk == {
        "ours": {
            "base_bytes": 100,
            "agent_bytes": 3,
            "totals": {"1": 103, "50": 250, "100": 400, "1000": 3100, "10000": 30100},
        }
    }
