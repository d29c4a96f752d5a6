"""From raw seconds and bytes to the figures of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median, quantiles
from typing import Any

AGENT_COUNTS = (1, 50, 100, 1000, 10000)
"""Numbers of agents whose files on disk are added up."""

LOAD_WINDOWS = {1: (1, 9), 64: (60, 68), 1000: (992, 1000)}
"""Which loads, counted from 1, the median is taken over for the 1st, the 64th and the 1,000th."""


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median and quartiles of at least one value."""
    low, _, high = quantiles(values, n=4, method="inclusive") if len(values) > 1 else (values[0],) * 3
    return {"median": median(values), "low": low, "high": high}


def ratio(of: Mapping[str, float], to: Mapping[str, float]) -> dict[str, float] | None:
    """How many times as long one takes as another, from milliseconds by round, over the rounds that both have."""
    ratios = [of[number] / to[number] for number in of.keys() & to.keys()]
    return spread(ratios) if ratios else None


def timing_figures(timings: Mapping[int, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One entry for each number of threads, system and case, from the results of the timing stages.

    An entry has `milliseconds` (median and quartiles over the rounds), `rounds` (the median of each round's calls)
    and, for systems in a process of their own, `bare_rounds` (of the bare encoder in that process).
    """
    entries = []
    for threads, stage in timings.items():
        for system, cases in stage["rounds"].items():
            bare = stage["references"].get(system, {})
            for case, calls in cases.items():
                rounds = _milliseconds(calls)
                entry: dict[str, Any] = {"threads": threads, "system": system, "case": case}
                entry |= {"milliseconds": spread(list(rounds.values())), "rounds": rounds}
                entry["calls"] = sum(len(seconds) for seconds in calls.values())
                own_bare = bare.get(case if case in bare else "batch-1")
                if own_bare is not None:
                    entry["bare_rounds"] = _milliseconds(own_bare)
                entries.append(entry)
    return entries


def _milliseconds(calls: Mapping[str, Sequence[float]]) -> dict[str, float]:
    return {str(number): 1000 * median(seconds) for number, seconds in calls.items()}


def loading_figures(found: Mapping[str, Any]) -> dict[str, Any]:
    """Milliseconds to load the 1st, the 64th and the 1,000th agent, and bytes of memory an agent takes."""
    if "not_run" in found:
        return {"not_run": next(iter(found["not_run"].values()))}
    seconds = found["seconds"]
    milliseconds = {
        str(place): 1000 * median(seconds[first - 1 : last])
        for place, (first, last) in LOAD_WINDOWS.items()
        if len(seconds) >= min(place, last)
    }
    per_agent = None
    if found["bytes_all"] is not None and len(seconds) > 1:
        # The first agent also pays for what is made once, so it is left out.
        per_agent = max(0, found["bytes_all"] - found["bytes_first"]) // (len(seconds) - 1)
    return {
        "milliseconds": milliseconds,
        "very_first_milliseconds": 1000 * seconds[0],
        "loaded": len(seconds),
        "bytes_before": found["bytes_before"],
        "bytes_per_agent": per_agent,
    }


def disk_figures(disk: Mapping[str, Mapping[str, int] | None]) -> dict[str, Any]:
    """Bytes of the base, of an agent, and of the base with N agents."""
    return {
        system: {
            **sizes,
            "totals": {str(count): sizes["base_bytes"] + count * sizes["agent_bytes"] for count in AGENT_COUNTS},
        }
        for system, sizes in disk.items()
        if sizes is not None
    }
