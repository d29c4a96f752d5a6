from __future__ import annotations

from typing import Any

import pytest

from examples.benchmark.results import Results
from examples.benchmark.targets import targets


def entry(threads: int, system: str, case: str, milliseconds: float) -> dict[str, Any]:
    spread = dict.fromkeys(("median", "low", "high"), milliseconds)
    return {"threads": threads, "system": system, "case": case, "milliseconds": spread, "rounds": {"0": milliseconds}}


def results(*timings: dict[str, Any], **values: Any) -> Results:
    systems = {
        name: {"title": name.upper(), "reference": reference, "note": None, "versions": {}}
        for name, reference in {"ours-onnx-int8": "bare-onnx-int8", "bare-onnx-int8": None, "large": None}.items()
    }
    settings = {"threads": [1, 2], "cases": ["one", "batch-1", "batch-8", "batch-64"]}
    defaults: dict[str, Any] = {
        "systems": systems,
        "settings": settings,
        "loading": {},
        "disk": {},
        "not_run": {},
    }
    return Results({"timings": timings, **defaults, **values})


def target(found: Results, words: str) -> Any:
    (one,) = [one for one in targets(found) if words in one.name]
    return one


BARE = [entry(threads, "bare-onnx-int8", "one", 1.0) for threads in (1, 2)]


@pytest.mark.parametrize(("slower", "reached"), [(1.3, True), (1.31, False)])
def test_a_target_is_reached_only_if_every_number_of_threads_reaches_it(slower: float, reached: bool):
    ours = [entry(1, "ours-onnx-int8", "one", 1.2), entry(2, "ours-onnx-int8", "one", slower)]
    found = target(results(*BARE, *ours), "one utterance, OURS-ONNX-INT8: times the bare")
    assert (found.measured, found.reached) == (f"1.20 / {slower:.2f}", reached)
    assert found.wanted == "at most 1.3"
    assert "1 / 2 threads" in found.name


def test_a_target_measured_in_part_is_unknown_unless_it_was_missed():
    good = results(*BARE, entry(1, "ours-onnx-int8", "one", 1.1))
    bad = results(*BARE, entry(1, "ours-onnx-int8", "one", 1.4))
    words = "one utterance, OURS-ONNX-INT8: times the bare"
    assert (target(good, words).measured, target(good, words).reached) == ("1.10 / -", None)
    assert target(bad, words).reached is False


def test_what_was_not_measured_is_listed_as_such():
    found = targets(results())
    assert len(found) == 14
    assert {(one.measured, one.reached) for one in found} == {(None, None)}


def test_peers_must_be_at_least_three_times_as_slow():
    timings = [entry(threads, "ours-onnx-int8", "batch-64", 10.0) for threads in (1, 2)]
    timings += [entry(threads, "lora-qv", "batch-64", 29.0 + threads) for threads in (1, 2)]
    found = target(results(*timings), "times as fast as lora-qv")
    assert (found.measured, found.wanted, found.reached) == ("3.00 / 3.10", "at least 3", True)


def test_loading_and_disk_have_units():
    loading = {"ours-onnx-int8": {"milliseconds": {"1": 1.0, "64": 1.5, "1000": 2.1}}}
    disk = {"ours-onnx-int8": {"totals": {"100": 61_250_000}}}
    found = results(loading=loading, disk=disk)
    one = target(found, "loading an agent, OURS-ONNX-INT8")
    assert (one.measured, one.wanted, one.reached) == ("1.00 / 1.50 / 2.10 ms", "at most 2 ms", False)
    one = target(found, "disk, base and 100 agents, one of ours-fp16 / OURS-ONNX-INT8")
    assert (one.measured, one.reached) == ("- / 61.2 MB", True)


@pytest.mark.parametrize(("int8", "reached"), [(61.5, True), (80.1, False)])
def test_one_small_base_that_fits_is_enough(int8: float, reached: bool):
    sizes = {"ours-fp16": 83.5, "ours-onnx-int8": int8}
    found = results(disk={name: {"totals": {"100": megabytes * 1e6}} for name, megabytes in sizes.items()})
    assert target(found, "disk, base and 100 agents").reached is reached
