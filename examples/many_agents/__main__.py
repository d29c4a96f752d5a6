"""Trains many agents in this process, in several, and on Ray, and prints a JSON object for each run.

    python -m examples.many_agents --base model_cards/intent-base-ko-en             # 8 agents, three executors
    python -m examples.many_agents --base model_cards/intent-base-ko-en --small 200 # 200 of 3 intents, twice

CPU time is that of this process and of all below it, Ray's own included. Ray is warm: it has been begun, and each of
its workers has trained an agent before. The processes of `process` begin anew, and their start counts. Needs Linux,
for /proc.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

from intent_adapters import train_agents
from intent_adapters.data import few_shot_split, label_counts, read_intents

DATA = Path(__file__).parents[1] / "agents"
EXECUTORS = ("local", "process", "ray")
SHOTS = 5
SMALL_INTENTS = 3


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", required=True, help="Hub id or folder of the base")
    parser.add_argument("--agents", type=int, default=8, help="how many agents each executor trains")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="how many at the same time")
    parser.add_argument("--executors", default=",".join(EXECUTORS), help="which, separated by commas")
    parser.add_argument("--effort", default="default", choices=("fast", "default", "best"))
    parser.add_argument("--method", default="adapter", choices=("adapter", "probe"))
    parser.add_argument("--small", type=int, default=0, metavar="N", help="N agents of 3 intents, twice, instead")
    arguments = parser.parse_args()
    settings = {name: vars(arguments)[name] for name in ("workers", "effort", "method")}
    if arguments.small:
        runs = twice(arguments.base, arguments.small, settings)
    else:
        runs = each(arguments.base, arguments.executors.split(","), arguments.agents, settings)
    for name, figures in runs:
        print(json.dumps({name: figures}), flush=True)


def each(base, executors, agents, settings):
    """The same agents on each executor."""
    data = draw(agents)
    if "ray" in executors:
        import ray

        ray.init("local", num_cpus=settings["workers"], include_dashboard=False, log_to_driver=False)
    with tempfile.TemporaryDirectory() as folder:
        if "ray" in executors:  # as many as it has workers, so that each has the base
            first = dict(list(data.items())[: settings["workers"]])
            train_agents(base, first, Path(folder, "warm"), executor="ray", seed=1, **settings)
        for executor in executors:
            yield executor, timed(base, data, Path(folder, executor), executor=executor, **settings)
        written = [adapters(Path(folder, executor)) for executor in executors]
        yield "the same to the bit", all(one == written[0] for one in written)


def twice(base, agents, settings):
    """Small agents, and once more."""
    data = draw(agents, SMALL_INTENTS)
    with tempfile.TemporaryDirectory() as folder:
        for name in ("first", "second"):
            yield name, timed(base, data, Path(folder), executor="process", **settings)


def draw(agents: int, intents: int | None = None) -> dict[str, list[dict[str, str]]]:
    """Agents of five utterances an intent, drawn from the example agents."""
    sources = [read_intents(folder, split="train") for folder in sorted(DATA.glob("*/*/"))]
    found = {}
    for number in range(agents):
        rows, turn = sources[number % len(sources)], number // len(sources)
        names = sorted(label_counts(rows))
        first = turn * (intents or 0)
        wanted = {names[(first + place) % len(names)] for place in range(intents or len(names))}
        rows = rows.select([row for row, label in enumerate(rows["label"]) if label in wanted])
        found[f"agent {number:03}"] = few_shot_split(rows, SHOTS, seed=turn)[0].to_list()
    return found


def timed(base, data, output, **settings) -> dict[str, object]:
    wall, cpu = time.perf_counter(), cpu_seconds()
    report = train_agents(base, data, output, **settings)
    return {
        "wall_seconds": round(time.perf_counter() - wall, 1),
        "cpu_seconds": round(cpu_seconds() - cpu, 1),
        "agents": report.counts,
        "texts": sum(agent.texts or 0 for agent in report.agents),
    }


def adapters(folder: Path) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in folder.glob("*/adapter_model.safetensors")}


def cpu_seconds() -> float:
    """Of this process and all below it, those included that are over."""
    parents, ticks = {}, {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        parents[int(entry.name)], ticks[int(entry.name)] = int(fields[1]), sum(map(int, fields[11:15]))
    own, found = {os.getpid()}, set()
    while own:
        found |= own
        own = {process for process, parent in parents.items() if parent in own}
    return sum(ticks.get(process, 0) for process in found) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
