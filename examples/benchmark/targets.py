"""What was promised, what was measured, and whether it was kept. All is computed from the results of a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from examples.benchmark.figures import LOAD_WINDOWS
from examples.benchmark.results import Results

FASTEST = "ours-onnx-int8"
OURS = ("ours-torch", "ours-onnx-fp32", FASTEST)
ADAPTER_PEERS = ("adapterhub", "lora-qv", "lora-all")
SMALL_BASES = ("ours-fp16", FASTEST)

ONE_TO_BARE = 1.3
ONE_TO_LARGE = 0.04
PAPER_ONE_TO_LARGE = 0.32
BATCH_TO_BARE = {"batch-1": 1.15, "batch-64": 1.35}
TIMES_AS_FAST = 3.0
LOAD_MILLISECONDS = 2.0
DISK_MEGABYTES = 80
DISK_AGENTS = 100
PAPER_DISK_MEGABYTES = 1290


@dataclass(frozen=True)
class Target:
    """One promise, measured once or several times, as for each number of threads."""

    name: str  # what is measured
    wanted: str  # the target, for people
    measured: str | None  # the figures, for people; None if nothing was measured
    # whether every figure reaches it; None if that is unknown because some or all were not measured
    reached: bool | None


def targets(results: Results) -> list[Target]:
    """All targets, those that a run did not measure included."""
    title, threads = results.title, results.threads
    on = f"{' / '.join(map(str, threads))} thread{'s' if threads != [1] else ''}"
    one = f"one utterance, {title(FASTEST)}"
    to_bare = {
        (system, case): _medians(results.to_bare(count, system, case) for count in threads)
        for case in ("one", *BATCH_TO_BARE)
        for system in OURS
    }
    to_large = _medians(results.to_large(count, FASTEST, "one") for count in threads)
    share = f"{one}: share of the large model's time, {on}; the paper has {PAPER_ONE_TO_LARGE}"
    found = [
        _target(f"{one}: times the bare encoder, {on}", to_bare[FASTEST, "one"], at_most=ONE_TO_BARE),
        _target(share, to_large, at_most=ONE_TO_LARGE, digits=3),
    ]
    for case, wanted in BATCH_TO_BARE.items():
        agents = case.removeprefix("batch-")
        to = f"batch to {agents} agent{'s' if agents != '1' else ''}"
        found += [
            _target(f"{to}, {title(system)}: times the bare encoder, {on}", to_bare[system, case], at_most=wanted)
            for system in OURS
        ]
    for peer in ADAPTER_PEERS:
        times = _medians(results.to_system(count, peer, FASTEST, "batch-64") for count in threads)
        name = f"batch to 64 agents, {title(FASTEST)}: times as fast as {title(peer)}, {on}"
        found.append(_target(name, times, at_least=TIMES_AS_FAST))
    for system in (OURS[0], FASTEST):
        loads = results.values["loading"].get(system, {}).get("milliseconds", {})
        name = f"loading an agent, {title(system)}: the 1st / 64th / 1,000th"
        figures = [loads.get(str(place)) for place in LOAD_WINDOWS]
        found.append(_target(name, figures, at_most=LOAD_MILLISECONDS, unit=" ms"))
    return [*found, _disk(results)]


def _disk(results: Results) -> Target:
    """One of the two bases is enough."""
    found = [results.values["disk"].get(system) for system in SMALL_BASES]
    figures = [None if sizes is None else sizes["totals"][str(DISK_AGENTS)] / 1e6 for sizes in found]
    bases = " / ".join(results.title(system) for system in SMALL_BASES)
    name = f"disk, base and {DISK_AGENTS} agents, one of {bases}; the paper has {PAPER_DISK_MEGABYTES} MB"
    best = min((figure for figure in figures if figure is not None), default=None)
    every = _target(name, figures, at_most=DISK_MEGABYTES, unit=" MB", digits=1)
    return replace(every, reached=None if best is None else best <= DISK_MEGABYTES)


def _medians(found: Iterable[Mapping[str, float] | None]) -> list[float | None]:
    return [None if figure is None else figure["median"] for figure in found]


def _target(
    name: str,
    figures: Sequence[float | None],
    *,
    at_most: float | None = None,
    at_least: float | None = None,
    unit: str = "",
    digits: int = 2,
) -> Target:
    known = [figure for figure in figures if figure is not None]
    kept = all((at_most is None or f <= at_most) and (at_least is None or f >= at_least) for f in known)
    wanted = f"at least {at_least:g}{unit}" if at_most is None else f"at most {at_most:g}{unit}"
    shown = " / ".join("-" if figure is None else f"{figure:.{digits}f}" for figure in figures)
    unknown = kept and len(known) < len(figures)
    return Target(name, wanted, f"{shown}{unit}" if known else None, None if unknown else kept)
