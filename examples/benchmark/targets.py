"""What was promised, what was measured, and whether it was kept. All is computed from the results of a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
    """One promise, measured once or several times, as for each number of threads.

    Attributes:
        name: What is measured.
        wanted: The target, for people.
        measured: The figures, for people; None if nothing was measured.
        reached: Whether every figure reaches it; None if that is unknown because some or all were not measured.
    """

    name: str
    wanted: str
    measured: str | None
    reached: bool | None


def targets(results: Results) -> list[Target]:
    """All targets, those that a run did not measure included."""
    return [*_one_utterance(results), *_batches(results), *_peers(results), *_loading(results), *_disk(results)]


def _one_utterance(results: Results) -> Iterator[Target]:
    name = f"one utterance, {results.title(FASTEST)}"
    bare = [results.to_bare(threads, FASTEST, "one") for threads in results.threads]
    large = [results.to_large(threads, FASTEST, "one") for threads in results.threads]
    yield _target(f"{name}: times the bare encoder, {_on(results)}", _medians(bare), at_most=ONE_TO_BARE)
    of_large = f"{name}: share of the large model's time, {_on(results)}; the paper has {PAPER_ONE_TO_LARGE}"
    yield _target(of_large, _medians(large), at_most=ONE_TO_LARGE, digits=3)


def _batches(results: Results) -> Iterator[Target]:
    for case, wanted in BATCH_TO_BARE.items():
        agents = case.removeprefix("batch-")
        for system in OURS:
            found = [results.to_bare(threads, system, case) for threads in results.threads]
            name = f"batch to {agents} agent{'s' if agents != '1' else ''}, {results.title(system)}"
            yield _target(f"{name}: times the bare encoder, {_on(results)}", _medians(found), at_most=wanted)


def _peers(results: Results) -> Iterator[Target]:
    for peer in ADAPTER_PEERS:
        found = [results.to_system(threads, peer, FASTEST, "batch-64") for threads in results.threads]
        name = f"batch to 64 agents, {results.title(FASTEST)}: times as fast as {results.title(peer)}"
        yield _target(f"{name}, {_on(results)}", _medians(found), at_least=TIMES_AS_FAST)


def _loading(results: Results) -> Iterator[Target]:
    for system in (OURS[0], FASTEST):
        found = results.values["loading"].get(system, {}).get("milliseconds", {})
        name = f"loading an agent, {results.title(system)}: the 1st / 64th / 1,000th"
        figures = [found.get(str(place)) for place in LOAD_WINDOWS]
        yield _target(name, figures, at_most=LOAD_MILLISECONDS, unit=" ms")


def _disk(results: Results) -> Iterator[Target]:
    found = [results.values["disk"].get(system) for system in SMALL_BASES]
    figures = [None if sizes is None else sizes["totals"][str(DISK_AGENTS)] / 1e6 for sizes in found]
    bases = " / ".join(results.title(system) for system in SMALL_BASES)
    name = f"disk, base and {DISK_AGENTS} agents, one of {bases}; the paper has {PAPER_DISK_MEGABYTES} MB"
    every = _target(name, figures, at_most=DISK_MEGABYTES, unit=" MB", digits=1)
    best = min((figure for figure in figures if figure is not None), default=None)
    yield replace(every, reached=None if best is None else best <= DISK_MEGABYTES)


def _medians(found: Sequence[Mapping[str, float] | None]) -> list[float | None]:
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


def _on(results: Results) -> str:
    counts = " / ".join(map(str, results.threads))
    return f"{counts} thread{'s' if counts != '1' else ''}"
