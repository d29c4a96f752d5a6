"""What answering takes with and without PyTorch: disk, start, memory, and one utterance beside a busy neighbour.

    python -m examples.small_machine --light LIGHT/bin/python --base EXPORTED

Run it in an environment with PyTorch; LIGHT is one with `pip install intent-adapters` alone, EXPORTED what
`intent-adapters export` made of `model_cards/intent-base-ko-en`. Each figure is of a process of its own; the kinds of
process take turns, so that a slow minute of the machine falls on all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BASE = ROOT / "model_cards" / "intent-base-ko-en"
STORED = ("ko-clinic", "ko-it_helpdesk", "ko-public_office", "en-clinic", "en-it_helpdesk", "en-public_office")
TEXTS = (
    "내일 예약을 취소하고 싶어요",
    "my laptop won't turn on",
    "주차장이 어디에 있나요?",
    "how much does a new passport cost?",
)
BUDGET = 64 * 2**20
BATCH = 16
SECONDS = 2.0  # of asking one utterance at a time


def main(arguments: list[str] | None = None) -> None:
    """Measures and prints Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--light", required=True, metavar="PYTHON", help="interpreter without PyTorch")
    parser.add_argument("--base", required=True, help="the exported base")
    parser.add_argument("--agents", type=int, default=10_000, help="in the folder that does not fit into memory")
    parser.add_argument("--requests", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments)
    kinds = {
        "without PyTorch": (options.light, options.base, "onnx"),
        "ONNX Runtime, PyTorch installed": (sys.executable, options.base, "onnx"),
        "PyTorch": (sys.executable, str(BASE), "torch"),
    }
    with tempfile.TemporaryDirectory() as folder:
        hundred, many = Path(folder, "hundred"), Path(folder, "many")
        write_agents(hundred, 100, options.base)
        write_agents(many, options.agents, options.base)

        def child(kind: str, task: str, agents: Path, *more: object) -> dict[str, float]:
            python, base, backend = kinds[kind]
            command = [python, __file__, "--child", task, base, backend, str(agents), *map(str, more)]
            started = time.perf_counter()
            done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False, env=environment())
            if done.returncode:
                raise SystemExit(done.stderr)
            return {**json.loads(done.stdout), "seconds": time.perf_counter() - started}

        print(
            table("installed, MB", {kind: [f"{installed(kinds[kind][0]) / 1e6:.0f}"] for kind in kinds}, ["packages"])
        )
        runs: dict[str, dict[str, list[dict[str, float]]]] = {kind: {"first": [], "hundred": []} for kind in kinds}
        for _ in range(options.rounds):
            for kind in kinds:
                runs[kind]["first"].append(child(kind, "first", hundred))
                runs[kind]["hundred"].append(child(kind, "hundred", hundred))
        print(
            table(
                "start and memory",
                {
                    kind: [
                        f"{median(run['first'], 'seconds'):.2f}",
                        f"{median(run['first'], 'memory') / 1e6:.0f}",
                        f"{median(run['hundred'], 'memory') / 1e6:.0f}",
                        f"{median(run['hundred'], 'after_batches') / 1e6:.0f}",
                    ]
                    for kind, run in runs.items()
                },
                ["start to first answer, s", "one agent, MB", "100 agents, MB", "after batches of 64, MB"],
            )
        )
        zipf = {kind: child(kind, "zipf", many, options.requests) for kind in kinds}
        print(
            table(
                f"{options.agents:,} agents, {BUDGET:,} bytes for those in memory",
                {
                    kind: [
                        f"{run['growth'] / 1e6:.1f}",
                        f"{100 * run['growth'] / BUDGET:.1f}",
                        f"{run['asked']:.0f}",
                        f"{run['wrong']:.0f}",
                        f"{1000 * run['seconds_per_text']:.2f}",
                    ]
                    for kind, run in zipf.items()
                },
                ["growth of the process, MB", "of the budget, %", "agents asked", "wrong answers", "ms an utterance"],
            )
        )
        for threads in (1, 2):
            lone: dict[str, dict[str, list[float]]] = {kind: {"alone": [], "busy": []} for kind in kinds}
            for _ in range(options.rounds):
                for kind in kinds:
                    lone[kind]["alone"].append(child(kind, "lone", hundred, threads)["milliseconds"])
                    with busy_neighbour():
                        lone[kind]["busy"].append(child(kind, "lone", hundred, threads)["milliseconds"])
            rows = {}
            for kind, found in lone.items():
                alone, busy = (statistics.median(found[where]) for where in ("alone", "busy"))
                rows[kind] = [f"{alone:.2f}", f"{busy:.2f}", f"{busy / alone:.2f}"]
            columns = ["alone, ms", "beside a process that keeps one core busy, ms", "times"]
            print(table(f"one utterance, {threads} thread{'s' * (threads > 1)}", rows, columns))


def write_agents(folder: Path, count: int, base: str) -> None:
    """Adapters of a base by hard links to six stored ones, each with its own temperature, which its scores show."""
    from intent_adapters import IntentModel

    stored = {name: ROOT / "model_cards" / name for name in STORED}
    model = IntentModel.from_pretrained(base, adapter=stored, backend="onnx")
    weights, config = "adapter_model.safetensors", "adapter_config.json"
    for index in range(count):
        source, target = folder / agent_name(index % len(STORED)), folder / agent_name(index)
        if index < len(STORED):
            model.save_adapter(STORED[index], target)
        else:
            target.mkdir()
            os.link(source / weights, target / weights)
        settings = json.loads((source / config).read_text(encoding="utf-8"))
        settings["calibration"]["temperature"] = temperature(index, count)
        (target / config).write_text(json.dumps(settings), encoding="utf-8")


def agent_name(index: int) -> str:
    """Sorted by name, agents are in the order of their numbers."""
    return f"agent-{index:05d}"


def temperature(index: int, count: int) -> float:
    """Of an agent: no two that share their weights have the same."""
    return 0.5 + index / count


def environment() -> dict[str, str]:
    """Of the processes that are measured: no network, our package from this folder."""
    return {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}


def installed(python: str) -> int:
    """Bytes of all that is in an environment's folder for packages, pip and setuptools left out."""
    command = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    folder = Path(subprocess.run(command, capture_output=True, encoding="utf-8", check=True).stdout.strip())
    tools = re.compile(r"(pip|setuptools|pkg_resources|_distutils_hack)([-.]|$)")
    kept = [path for path in folder.iterdir() if not tools.match(path.name)]
    files = [path for top in kept for path in ([top] if top.is_file() else top.rglob("*")) if path.is_file()]
    return sum(path.stat().st_size for path in files)


class busy_neighbour:  # a context manager
    """A process that never rests."""

    def __enter__(self) -> None:
        self._process = subprocess.Popen([sys.executable, "-c", "while True: pass"])

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.wait()


def median(runs: list[dict[str, float]], name: str) -> float:
    """Of one figure."""
    return statistics.median(run[name] for run in runs)


def table(title: str, rows: dict[str, list[str]], columns: list[str]) -> str:
    """As Markdown."""
    from examples.tables import Table

    cells = [(kind, *values) for kind, values in rows.items()]
    return f"\n### {title[0].upper()}{title[1:]}\n\n{Table(title, ('', *columns), cells).markdown()}"


def resident_memory() -> int:
    """Bytes of physical memory that this process has, as Linux says."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    found = re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)
    assert found, "no VmRSS in /proc/self/status"
    return int(found[1]) * 1024


def child(task: str, base: str, backend: Any, folder: str, *more: str) -> dict[str, float]:
    """What one process measures of itself. Nothing is imported but our package."""
    from intent_adapters import IntentModel

    names = sorted(path.name for path in Path(folder).iterdir())
    if task == "first":
        model = IntentModel.from_pretrained(base, adapter=Path(folder, names[0]), backend=backend)
        assert model.predict(TEXTS[0]).label
        return {"memory": resident_memory()}
    if task == "hundred":
        model = IntentModel.from_pretrained(
            base, adapter={name: Path(folder, name) for name in names}, backend=backend
        )
        model.predict(TEXTS[0], names[0])
        memory = resident_memory()
        for _ in range(3):
            model.predict(list(TEXTS) * 16, names[:64])
        return {"memory": memory, "after_batches": resident_memory()}
    if task == "lone":
        threads = int(more[0])
        if backend == "torch":
            import torch

            torch.set_num_threads(threads)
        settings: dict[str, Any] = {"threads": threads} if backend == "onnx" else {}
        model = IntentModel.from_pretrained(base, adapter=Path(folder, names[0]), backend=backend, **settings)
        times: list[float] = []
        until = time.perf_counter() + SECONDS
        while time.perf_counter() < until:
            started = time.perf_counter()
            model.predict(TEXTS[len(times) % len(TEXTS)])
            times.append(time.perf_counter() - started)
        return {"milliseconds": 1000 * statistics.median(times[len(times) // 4 :])}
    assert task == "zipf"
    return zipf(IntentModel, base, backend, Path(folder), names, int(more[0]))


def zipf(kind: Any, base: str, backend: str, folder: Path, names: list[str], requests: int) -> dict[str, float]:
    """Agents asked with Zipf-distributed frequency (exponent 1); every answer is compared with the agent's own."""
    alone = kind.from_pretrained(base, adapter={name: folder / name for name in names[: len(STORED)]}, backend=backend)
    expected = [
        [dict(answer.top_k) for answer in alone.predict(list(TEXTS), name, top_k=1000)]
        for name in names[: len(STORED)]
    ]
    del alone
    model = kind.from_pretrained(base, adapter_dir=folder, backend=backend, max_adapter_bytes=BUDGET)
    draw = random.Random(0)
    order = draw.sample(range(len(names)), len(names))
    weights = [1 / rank for rank in range(1, len(order) + 1)]
    for _ in range(20):  # what a batch of as many agents needs while it runs is not the store's
        model.predict(draw.choices(TEXTS, k=BATCH), [names[agent] for agent in order[:BATCH]])
    before, growth, wrong = resident_memory() - model.stats.bytes, 0, 0
    asked: set[int] = set()
    started = time.perf_counter()
    for _ in range(requests):
        agents, texts = draw.choices(order, weights, k=BATCH), draw.choices(range(len(TEXTS)), k=BATCH)
        answers = model.predict([TEXTS[text] for text in texts], [names[agent] for agent in agents])
        growth = max(growth, resident_memory() - before)
        asked.update(agents)
        for agent, text, answer in zip(agents, texts, answers, strict=True):
            shared = agent % len(STORED)
            power = temperature(shared, len(names)) / temperature(agent, len(names))
            powers = {label: score**power for label, score in expected[shared][text].items()}
            right = powers[answer.label] / sum(powers.values()) if answer.label in powers else -1.0
            wrong += abs(right - answer.score) > 1e-3
    seconds = time.perf_counter() - started
    return {"growth": growth, "asked": len(asked), "wrong": wrong, "seconds_per_text": seconds / requests / BATCH}


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(child(*sys.argv[2:])))
    else:
        main()
