"""What 100,000 agents and 10,000 requests a second take, worked out from measured figures.

    python -m examples.cluster.scale --page docs/concepts/scale.md

Requests are drawn by Zipf's law and sent to replicas whose adapters leave memory least recently used first, as in the
server; what is counted then is hits, loads, and the work of the busiest replica. The figures that it starts from are
in measured.json, each with where it comes from.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from examples.tables import Table

FOLDER = Path(__file__).parent
MEASURED = FOLDER / "measured.json"
BEGIN = "<!-- What follows, up to the end mark, is written by python -m examples.cluster.scale. -->"
END = "<!-- The end of what is written. -->"

Balancing = Literal["random", "rendezvous", "rendezvous, bounded"]
BALANCING: tuple[Balancing, ...] = ("random", "rendezvous", "rendezvous, bounded")

# A core that is busy for a larger share of the time has queues that vary too much.
BUSY = 0.6
CORES_PER_NODE = 16
# Of the client: how much more than the mean a replica may have at the same time.
LOAD_BOUND = 1.25
# Over how many requests the simulation looks at who has how much at the same time.
WINDOW = 1_000
# How many replicas of an agent's order are tried.
ORDER = 6
MB, GB = 10**6, 10**9


@dataclass(frozen=True)
class Measured:
    """What was measured of one process, one core, one agent; measured.json says how.

    Attributes:
        request_ms: CPU time of a request over HTTP whose agent is in memory.
        load_ms: To load an agent that is not.
        adapter_bytes: What it takes in memory then.
        disk_bytes: What it takes on disk.
        process_bytes: What a server takes without agents.
        known_bytes: What an agent takes that is known and not in memory.
        start_seconds: From the start of a server to its first answer, without agents.
        register_ms: What an agent adds to the start.
        watching_share: Of a core, what watching a folder of 20,000 agents takes.
        training_seconds: CPU time of the training of an agent.
        hub_requests: How many files an account may fetch of the Hub in five minutes.
    """

    request_ms: float
    load_ms: float
    adapter_bytes: float
    disk_bytes: float
    process_bytes: float
    known_bytes: float
    start_seconds: float
    register_ms: float
    watching_share: float
    training_seconds: float
    hub_requests: float


@dataclass(frozen=True)
class Load:
    """What is asked.

    Attributes:
        agents: How many there are.
        per_second: Requests.
        exponent: Of Zipf's law; 1 is what is usual.
    """

    agents: int = 100_000
    per_second: float = 10_000
    exponent: float = 1.0

    def shares(self) -> NDArray[np.float64]:
        """Of each agent, the most asked first, its share of the requests."""
        weights = np.arange(1, self.agents + 1, dtype=np.float64) ** -self.exponent
        return weights / weights.sum()


@dataclass(frozen=True)
class Outcome:
    """What a simulation found.

    Attributes:
        hits: The share of requests whose agent was in memory.
        busiest: The work of the replica with the most, as a multiple of the mean.
    """

    hits: float
    busiest: float


def read_measured(file: Path = MEASURED) -> Measured:
    """The figures of a file."""
    return Measured(**{name: entry["value"] for name, entry in json.loads(file.read_text(encoding="utf-8")).items()})


def simulate(
    load: Load, replicas: int, room: int, balancing: Balancing, *, requests: int, miss_cost: float = 1.0, seed: int = 0
) -> Outcome:
    """Send requests to replicas that begin empty, and count the second half of them.

    Args:
        load: What is asked.
        replicas: How many there are.
        room: Agents that fit into the memory of each.
        balancing: Who is asked: anybody; the first of the agent's order; or the first that has not too much to do.
        requests: How many.
        miss_cost: What loading an agent takes, as a multiple of a request.
        seed: Of what is drawn.
    """
    draw = np.random.default_rng(seed)
    asked = draw.choice(load.agents, size=requests, p=load.shares())
    if balancing == "random":
        order = draw.integers(replicas, size=(requests, 1))
        which = np.arange(requests)
    else:
        weights = draw.random((load.agents, replicas), dtype=np.float32)  # as good as those of a hash
        order = np.argsort(-weights, axis=1)[:, : min(ORDER, replicas)]
        which = asked
    choices, rows = order.tolist(), which.tolist()
    held: list[OrderedDict[int, None]] = [OrderedDict() for _ in range(replicas)]
    recent = [0] * replicas
    bound = math.ceil(LOAD_BOUND * WINDOW / replicas) if balancing == "rendezvous, bounded" else requests
    window: list[int] = [0] * WINDOW
    work = np.zeros(replicas)
    hits = 0
    for index, agent in enumerate(asked.tolist()):
        order_of_agent = choices[rows[index]]
        replica = next((place for place in order_of_agent if recent[place] < bound), order_of_agent[0])
        if index >= WINDOW:
            recent[window[index % WINDOW]] -= 1
        window[index % WINDOW] = replica
        recent[replica] += 1
        memory = held[replica]
        hit = agent in memory
        if hit:
            memory.move_to_end(agent)
        else:
            memory[agent] = None
            if len(memory) > room:
                memory.popitem(last=False)
        if index >= requests // 2:
            hits += hit
            work[replica] += 1.0 if hit else 1.0 + miss_cost
    return Outcome(hits / (requests - requests // 2), float(work.max() / work.mean()))


def expected_hits(load: Load, room: float) -> float:
    """The hits of one memory that holds so many agents, least recently used out first.

    Che's approximation: an agent is held if it was asked within the time in which as many different ones are asked as
    there is room for (Che, Tung and Wang, "Hierarchical Web caching systems", 2002).
    """
    shares = load.shares()
    if room >= load.agents:
        return 1.0
    low, high = 0.0, 1e12
    for _ in range(100):
        time = (low + high) / 2
        if -np.expm1(-shares * time).sum() < room:
            low = time
        else:
            high = time
    return float((shares * -np.expm1(-shares * high)).sum())


def cores_for(measured: Measured, load: Load, room: int, *, divided: bool) -> tuple[int, float]:
    """How many cores answer in time, one replica each, and the share of hits.

    Args:
        measured: What things take.
        load: What is asked.
        room: Agents that fit into the memory of a replica.
        divided: Whether each replica has its own agents in memory, or all of them the same ones.
    """
    cores = 1
    while True:
        hits = expected_hits(load, room * cores if divided else room)
        busy = load.per_second * (measured.request_ms + (1 - hits) * measured.load_ms) / 1000
        needed = math.ceil(busy / BUSY)
        if needed <= cores:
            return cores, hits
        cores += max(1, (needed - cores) // 2)


def memory_table(measured: Measured, load: Load, requests: int) -> Table:
    """What memory and balancing do to hits, cores and disk."""
    columns = (
        "requests go to replicas by",
        "adapters in memory, each",
        "replicas, a core each",
        f"nodes of {CORES_PER_NODE} cores",
        "memory of a node",
        "hits",
        "busiest core is busy",
        "read of the storage",
    )
    table = Table("Memory and balancing", columns)
    for budget in (64 * MB, 256 * MB, 1 * GB):
        room = int(budget / measured.adapter_bytes)
        for balancing in BALANCING:
            cores, _ = cores_for(measured, load, room, divided=balancing != "random")
            cost = measured.load_ms / measured.request_ms
            found = simulate(load, cores, room, balancing, requests=requests, miss_cost=cost)
            node = CORES_PER_NODE * (measured.process_bytes + budget + load.agents * measured.known_bytes)
            misses = load.per_second * (1 - found.hits)
            busy = (load.per_second * measured.request_ms + misses * measured.load_ms) / 1000 / cores
            cells = (
                balancing,
                f"{budget / MB:,.0f} MB",
                f"{cores}",
                f"{math.ceil(cores / CORES_PER_NODE)}",
                f"{node / GB:.0f} GB",
                f"{100 * found.hits:.0f} %",
                f"{100 * busy * found.busiest:.0f} %",
                f"{misses * measured.disk_bytes / MB:,.0f} MB/s",
            )
            table.rows.append(cells)
    return table


def size_table(measured: Measured) -> Table:
    """What each number of agents takes, whatever is asked."""
    columns = ("agents", "disk", "all in memory", "known to a replica", "start of a replica", "fetched of the Hub")
    table = Table("Sizes", columns)
    for agents in (100, 2_000, 10_000, 100_000, 1_000_000):
        fetched = 2 * agents / measured.hub_requests * 300
        table.rows.append(
            (
                f"{agents:,}",
                f"{agents * measured.disk_bytes / GB:,.1f} GB",
                f"{agents * measured.adapter_bytes / GB:,.1f} GB",
                f"{agents * measured.known_bytes / MB:,.0f} MB",
                f"{measured.start_seconds + agents * measured.register_ms / 1000:,.1f} s",
                _duration(fetched),
            )
        )
    return table


def training_table(measured: Measured) -> Table:
    """How long it takes to train all agents anew."""
    cores = (2, 32, 128, 512)
    table = Table("Training", ("agents", *(f"{count} cores" for count in cores)))
    for agents in (100, 2_000, 10_000, 100_000):
        seconds = [agents * measured.training_seconds / count for count in cores]
        table.rows.append((f"{agents:,}", *map(_duration, seconds)))
    return table


def hot_table(measured: Measured) -> Table:
    """What the most asked agent takes, against what one replica can do."""
    columns = ("requests a second", "of the most asked of 100,000 agents", "cores that it keeps busy")
    table = Table("The most asked agent", columns)
    for per_second in (100, 1_000, 10_000, 100_000):
        top = Load(per_second=per_second).shares()[0] * per_second
        table.rows.append((f"{per_second:,}", f"{top:,.0f} a second", f"{top * measured.request_ms / 1000:,.2f}"))
    return table


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:,.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:,.0f} min"
    return f"{seconds / 3600:,.1f} h"


def page(measured: Measured, source: dict[str, dict[str, object]], requests: int) -> str:
    """The part of the page that is written."""

    def lines() -> Iterator[str]:
        yield BEGIN
        yield "### What the figures start from"
        inputs = Table("Inputs", ("", "from", "value"), left=2)
        for entry in source.values():
            value = f"{entry['value']:,} {entry['unit']}".strip()
            inputs.rows.append((str(entry["what"]), str(entry["from"]), value))
        yield inputs.markdown()
        yield "### Memory, cores and disk reads"
        yield memory_table(measured, Load(), requests).markdown()
        yield "### The most asked agent"
        yield hot_table(measured).markdown()
        yield "### What grows with the number of agents"
        yield size_table(measured).markdown()
        yield "### All agents trained anew"
        yield training_table(measured).markdown()
        yield END

    return "\n\n".join(lines())


def main() -> None:
    """Print the tables, or put them into the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measured", type=Path, default=MEASURED)
    parser.add_argument("--requests", type=int, default=1_000_000, help="how many are simulated, for each line")
    parser.add_argument("--page", type=Path, help="the page whose tables are to be written anew")
    arguments = parser.parse_args()
    source = json.loads(arguments.measured.read_text(encoding="utf-8"))
    written = page(read_measured(arguments.measured), source, arguments.requests)
    if arguments.page is None:
        print(written)
        return
    before, rest = arguments.page.read_text(encoding="utf-8").split(BEGIN)
    arguments.page.write_text(before + written + rest.split(END)[1], encoding="utf-8")


if __name__ == "__main__":
    main()
