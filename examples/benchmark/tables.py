"""The tables of a report, as plain cells: the command prints them, the page writes them as Markdown."""

from __future__ import annotations

from collections.abc import Mapping

from examples.benchmark.figures import AGENT_COUNTS, LOAD_WINDOWS
from examples.benchmark.results import Results
from examples.benchmark.targets import targets
from examples.tables import NOTHING, Table


def one_table(results: Results, threads: int) -> Table:
    """One utterance: milliseconds, and ratios to the bare encoder and to the large model."""
    table = Table(
        f"One utterance of {results.settings['tokens']} tokens, {_threads(threads)}",
        ("system", "ms (quartiles)", "x bare encoder", "x large model"),
    )
    for system in results.timed():
        found = results.milliseconds(threads, system, "one")
        if found is not None:
            bare, large = results.to_bare(threads, system, "one"), results.to_large(threads, system, "one")
            table.rows.append((results.title(system), _spread(found), _spread(bare), _number(large, 3)))
        own = results.peers_bare(threads, system, "one")
        if own is not None:
            table.rows.append((_its_bare(results, system), _spread(own), NOTHING, NOTHING))
    return table


def batch_table(results: Results, threads: int) -> Table:
    """A batch to one agent, to several and to many: milliseconds and the ratio to the bare encoder."""
    cases = [case for case in results.cases if case != "one"]
    heads = [f"{case.removeprefix('batch-')} agent{'s' if case != 'batch-1' else ''}" for case in cases]
    table = Table(
        f"A batch of {results.settings['batch']} utterances, {_threads(threads)}",
        ("system", *(cell for head in heads for cell in (f"{head}, ms", "x bare encoder"))),
    )
    for system in results.timed():
        cells = [results.title(system)]
        for case in cases:
            cells.append(_number(results.milliseconds(threads, system, case), 1))
            cells.append(_spread(results.to_bare(threads, system, case)))
        table.rows.append(tuple(cells))
        own = results.peers_bare(threads, system, "batch-1")
        if own is not None:
            empty = (NOTHING,) * (len(table.columns) - 2)
            table.rows.append((_its_bare(results, system), _number(own, 1), *empty))
    return table


def loading_table(results: Results) -> Table:
    """Milliseconds to load an agent, and memory for each."""
    places = [f"{place:,}{'st' if place == 1 else 'th'}, ms" for place in LOAD_WINDOWS]
    table = Table(
        "Loading agents from disk", ("system", *places, "agents loaded", "memory an agent", "process before")
    )
    for system, found in results.values["loading"].items():
        if "not_run" in found:
            continue
        times = [found["milliseconds"].get(str(place)) for place in LOAD_WINDOWS]
        cells = [NOTHING if time is None else f"{time:.2f}" for time in times]
        memory = [_bytes(found["bytes_per_agent"]), _bytes(found["bytes_before"])]
        table.rows.append((results.title(system), *cells, f"{found['loaded']:,}", *memory))
    return table


def disk_table(results: Results) -> Table:
    """Bytes of the base, of an agent and of N agents."""
    counts = [f"{count:,} agent{'s' if count > 1 else ''}" for count in AGENT_COUNTS]
    table = Table("On disk", ("system", "once", "each agent", *counts))
    for system, found in results.values["disk"].items():
        totals = [_bytes(found["totals"][str(count)]) for count in AGENT_COUNTS]
        once = _bytes(found["base_bytes"]) if found["base_bytes"] else NOTHING
        table.rows.append((results.title(system), once, _bytes(found["agent_bytes"]), *totals))
    return table


def target_table(results: Results) -> Table:
    """What was promised and what was measured."""
    table = Table("Targets", ("target", "wanted", "measured", "reached"))
    words = {True: "yes", False: "no", None: "not measured"}
    for target in targets(results):
        table.rows.append((target.name, target.wanted, target.measured or NOTHING, words[target.reached]))
    return table


def not_run_table(results: Results) -> Table:
    """What is missing, and why."""
    table = Table("Not run", ("system", "why"), left=2)
    for system, reason in results.values["not_run"].items():
        table.rows.append((results.title(system), " ".join(reason.split())))
    for system, found in results.values["loading"].items():
        if "not_run" in found and system not in results.values["not_run"]:
            table.rows.append((f"{results.title(system)}: loading", " ".join(found["not_run"].split())))
    return table


def all_tables(results: Results) -> list[Table]:
    """Every table of figures that has rows, in order."""
    tables = [make(results, threads) for make in (one_table, batch_table) for threads in results.threads]
    tables += [loading_table(results), disk_table(results), not_run_table(results)]
    return [table for table in tables if table.rows]


def _its_bare(results: Results, system: str) -> str:
    return f"bare encoder beside {results.title(system).partition(',')[0]}"


def _threads(count: int) -> str:
    return f"{count} thread{'s' if count > 1 else ''}"


def _number(found: Mapping[str, float] | None, digits: int) -> str:
    return NOTHING if found is None else f"{found['median']:.{digits}f}"


def _spread(found: Mapping[str, float] | None) -> str:
    if found is None:
        return NOTHING
    return f"{found['median']:.2f} ({found['low']:.2f} to {found['high']:.2f})"


def _bytes(count: int | None) -> str:
    if count is None:
        return NOTHING
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:.3g} {unit}" if count < 1000 * size else f"{count / size:,.0f} {unit}"
    return f"{count / 1e3:.0f} KB"
