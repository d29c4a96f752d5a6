"""Measures what examples.cluster.scale starts from, on this machine, and writes it to measured.json.

    python -m examples.cluster.inputs --base BASE_IN_ONNX --train-base BASE --agent AGENT --data DATA

The agent is copied into as many folders as --folders says. Nothing else should run meanwhile. What was measured
elsewhere already stays as it is in the file, with where it is from.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from examples.cluster.scale import MEASURED
from examples.serving_benchmark import run

CLIENTS = 64
SERVED = 100
# Names that some file systems give one file, at most.
LINKS = 30_000


def copies(agent: Path, folder: Path, count: int) -> None:
    """Write so many folders of an agent; they share its weights on disk."""
    for index in range(count):
        target = folder / f"agent-{index:06d}"
        target.mkdir(parents=True)
        shutil.copyfile(agent / "adapter_config.json", target / "adapter_config.json")
        weights = "adapter_model.safetensors"
        if index % LINKS == 0:
            first = target / weights
            shutil.copyfile(agent / weights, first)
        else:
            os.link(first, target / weights)


def resident(pid: int) -> int:
    """The bytes of memory of a process; Linux says so."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def started(base: str, folder: Path) -> Iterator[tuple[tuple[int, int], float]]:
    """A server, its port and its number, and what its start took."""
    began = time.perf_counter()
    with run.server(base, folder) as place:
        yield place, time.perf_counter() - began


def server_figures(base: str, few: Path, many: Path, count: int, seconds: float) -> dict[str, float]:
    """What a server with some agents takes, and what a great many more of them add."""
    texts = run.UTTERANCES.read_text(encoding="utf-8").split("\n")[:-1]
    draw = random.Random(0)
    names = sorted(path.name for path in few.iterdir())
    requests = [
        run.request(f"/v1/agents/{draw.choice(names)}/predict", {"text": draw.choice(texts)}) for _ in range(2_000)
    ]
    with started(base, few) as (place, start):
        bare = resident(place[1])
        run.stage(place, requests, CLIENTS, 2)
        figures = run.stage(place, requests, CLIENTS, seconds)
    with started(base, many) as (place, start_many):
        known = resident(place[1]) - bare
        time.sleep(5)  # what has just been written is looked at more closely for a while
        used = run.processor_seconds(place[1])
        time.sleep(seconds)
        watching = (run.processor_seconds(place[1]) - used) / seconds
    return {
        "request_ms": float(str(figures["processor_ms_per_row"])),
        "process_bytes": bare,
        "start_seconds": start,
        "register_ms": 1000 * (start_many - start) / count,
        "known_bytes": known / count,
        "watching_share": watching,
    }


def training_seconds(base: str, data: str) -> float:
    """The CPU time of a training on one thread; in a process of its own."""
    os.environ["OMP_NUM_THREADS"] = "1"
    from intent_adapters import IntentModel, train_agent
    from intent_adapters.data import read_intents

    model = IntentModel.from_pretrained(base, backend="torch", device="cpu")
    rows = read_intents(data)
    began = time.process_time()
    train_agent(model, "agent", rows, seed=0, progress=False)
    return time.process_time() - began


def main() -> None:
    """Measure, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", required=True, help="a base in ONNX")
    parser.add_argument("--agent", required=True, type=Path, help="an adapter folder for it")
    parser.add_argument("--train-base", help="the same base in PyTorch; without it no training is timed")
    parser.add_argument("--data", help="what an agent is trained on")
    parser.add_argument("--folders", type=int, default=20_000, help="in which the agent lies")
    parser.add_argument("--seconds", type=float, default=10, help="for which the server is asked")
    arguments = parser.parse_args()
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as temporary:
        few, many = Path(temporary, "few"), Path(temporary, "many")
        copies(arguments.agent, few, SERVED)
        copies(arguments.agent, many, arguments.folders)
        found |= server_figures(arguments.base, few, many, arguments.folders, arguments.seconds)
    if arguments.train_base is not None:
        with ProcessPoolExecutor(1, get_context("spawn")) as process:
            found["training_seconds"] = process.submit(training_seconds, arguments.train_base, arguments.data).result()
    file: dict[str, Any] = json.loads(MEASURED.read_text(encoding="utf-8"))
    origin = f"`examples.cluster.inputs`, {datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} cores"
    for name, value in found.items():
        rounded = float(f"{value:.3g}")
        file[name] |= {"value": int(rounded) if rounded >= 100 else rounded, "from": origin}
    MEASURED.write_text(json.dumps(file, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
