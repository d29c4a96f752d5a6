"""Threads that predict while others load, replace, evict, pin and unload, and what each answer must be.

`python -m tests.support.churn --seconds 1800 --backend onnx` does so for half an hour and prints what happened.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

import torch

from intent_adapters import IntentModel, Prediction
from intent_adapters.errors import AgentError
from intent_adapters.runtime.onnx.export import export_base
from tests.support.adapters import random_adapter
from tests.support.memory import resident_memory
from tests.support.tiny import tiny_base

Backend = Literal["torch", "onnx"]
TEXTS = ["예약 취소", "cancel", "how much is it to change it?", "주세요 " * 9, "0123"]
STEADY, SWAPPED, PASSING = "steady", "swapped", "passing"
SHAPES = [
    {"sites": "houlsby", "bottleneck_size": 4},
    {"sites": "houlsby", "bottleneck_size": 4, "seed": 1},
    {"sites": "pfeiffer", "bottleneck_size": 6},
    {"sites": "parallel", "bottleneck_size": 4},
    {"sites": "none"},
    {"sites": "houlsby", "bottleneck_size": 4, "seed": 5, "head": "linear"},
]
BUDGET = 6 * 20_000
"""Bytes for resident adapters: of the agents of all threads about half fit."""


@dataclass
class Churn:
    """A model under all that can happen to it at once.

    Agents come in three kinds: steady ones are only evicted and come back; swapped ones are replaced by another
    version again and again; passing ones come and go.

    Args:
        model: It has a budget for a few agents.
        lone: Another of the same base, which nothing happens to.
        folders: Adapters; all have the same labels.
    """

    model: IntentModel
    lone: IntentModel
    folders: list[Path]
    failures: list[str] = field(default_factory=list)
    calls: int = 0
    utterances: int = 0
    changes: int = 0
    memory: list[int] = field(default_factory=list)
    resident: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        # Every version that was ever put in a swapped agent's place, the newest perhaps not in it yet; and which of
        # them is in place for certain.
        self._history: dict[str, list[int]] = {f"{SWAPPED} {index}": [0] for index in range(3)}
        self._in_place = dict.fromkeys(self._history, 0)
        self._alone: list[list[Prediction]] = []
        for version, folder in enumerate(self.folders):
            self.lone.load_adapter(folder, name="alone", replace=True)
            self._alone.append(self.lone.predict(TEXTS, agents="alone"))
            self.model.register_adapter(folder, name=f"{STEADY} {version}")
        for name in self._history:
            self.model.load_adapter(self.folders[0], name=name)

    def run(self, seconds: float, predicting: int = 4) -> None:
        """Let everything happen at once for a while."""
        workers = [self._predict] * predicting + [self._swap, self._pass, self._pin]
        threads = [threading.Thread(target=self._guarded, args=(work, seed)) for seed, work in enumerate(workers)]
        for thread in threads:
            thread.start()
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.failures:
            self._stop.wait(min(1.0, seconds / 10))
            self.memory.append(resident_memory())
            self.resident.append(self.model.stats.bytes)
        self._stop.set()
        for thread in threads:
            thread.join(60)
        if any(thread.is_alive() for thread in threads):
            self.failures.append("a thread hangs")

    def _guarded(self, work: Callable[[random.Random], None], seed: int) -> None:
        torch.set_num_threads(1)
        draw = random.Random(seed)
        while not self._stop.is_set() and len(self.failures) < 10:
            try:
                work(draw)
            except Exception as error:
                self.failures.append(f"{work.__name__}: {type(error).__name__}: {error}")

    def _predict(self, draw: random.Random) -> None:
        names = [f"{STEADY} {index}" for index in range(len(self.folders))] + list(self._history)
        count = draw.choice([1, 1, 3, 8, 20])
        agents, texts = draw.choices(names, k=count), draw.choices(range(len(TEXTS)), k=count)
        before = dict(self._in_place)
        self.utterances += count
        answers = self.model.predict([TEXTS[text] for text in texts], agents=agents)
        after = {name: len(versions) for name, versions in self._history.items()}
        seen: dict[str, set[int]] = {}
        for agent, text, answer in zip(agents, texts, answers, strict=True):
            allowed = {int(agent.split()[1])}
            if agent in self._history:  # one that was current at some moment of the call
                allowed = set(self._history[agent][before[agent] : after[agent]])
            right = {version for version in allowed if _same(answer, self._alone[version][text])}
            seen[agent] = seen.get(agent, allowed) & right
            if answer.agent != agent or not right:
                self.failures.append(f"{agent} answered {answer}, allowed were versions {allowed}")
            elif not seen[agent]:
                self.failures.append(f"the answers of {agent} in one call are of several versions")
        self.calls += 1

    def _swap(self, draw: random.Random) -> None:
        name = draw.choice(list(self._history))
        version = draw.randrange(len(self.folders))
        self._history[name].append(version)
        if draw.random() < 0.5:
            self.model.load_adapter(self.folders[version], name=name, replace=True)
        else:
            self.model.register_adapter(self.folders[version], name=name, replace=True)
        self._in_place[name] += 1
        self.changes += 1
        time.sleep(draw.random() * 0.01)

    def _pass(self, draw: random.Random) -> None:
        version = draw.randrange(len(self.folders))
        if draw.random() < 0.5:
            self.model.load_adapter(self.folders[version], name=PASSING)
        else:
            self.model.add_agent(PASSING, self.model.adapter(f"{STEADY} {version}"))
        answer = self.model.predict(TEXTS[0], agents=PASSING)
        if not _same(answer, self._alone[version][0]):
            self.failures.append(f"{PASSING} answered {answer} instead of version {version}")
        self.model.unload_adapter(PASSING)
        try:
            self.model.predict(TEXTS[0], agents=PASSING)
            self.failures.append("an unloaded agent answered")
        except AgentError:
            self.changes += 1

    def _pin(self, draw: random.Random) -> None:
        name = f"{STEADY} {draw.randrange(len(self.folders))}"
        self.model.pin_adapter(name)
        time.sleep(0.005)
        self.model.unpin_adapter(name)
        self.changes += 1


def _same(one: Prediction, other: Prediction) -> bool:
    return one.label == other.label and all(
        label == other_label and abs(score - other_score) < 1e-4
        for (label, score), (other_label, other_score) in zip(one.top_k, other.top_k, strict=True)
    )


def churn(folder: Path, seconds: float, backend: Backend = "torch") -> Churn:
    """Let everything happen at once on a tiny base, with a budget that is too small for all agents.

    Args:
        folder: For the base and the adapters.
        seconds: How long.
        backend: What runs the base; ONNX Runtime with two threads for a batch.
    """
    base = tiny_base(folder)
    # A graph has the sites of one kind.
    shapes = [shape for shape in SHAPES if backend == "torch" or shape["sites"] != "parallel"]
    folders = [folder / f"version {index}" for index in range(len(shapes))]
    for index, (shape, target) in enumerate(zip(shapes, folders, strict=True)):
        random_adapter(base, **{"labels": 6, "seed": index, **shape}).write(target)
    if backend == "torch":
        model, lone = IntentModel(base, max_adapter_bytes=BUDGET), IntentModel(base)
    else:
        export_base(base, folder / "exported", precision="float32")
        settings = {"backend": "onnx", "max_adapter_bytes": BUDGET}
        model = IntentModel.from_pretrained(folder / "exported", threads=2, **settings)
        lone = IntentModel.from_pretrained(folder / "exported", threads=1, **settings)
    done = Churn(model, lone, folders)
    done.run(seconds)
    return done


def main() -> None:
    """Churn and print JSON."""
    parser = argparse.ArgumentParser(description="Threads that predict while others load, replace, evict and unload")
    parser.add_argument("--seconds", type=float, default=1800)
    parser.add_argument("--backend", choices=get_args(Backend), default="torch")
    settings = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        done = churn(Path(folder), settings.seconds, settings.backend)
    stats = done.model.stats
    sixth = max(1, len(done.memory) // 6)
    found = {
        "seconds": settings.seconds,
        "backend": settings.backend,
        "calls": done.calls,
        "utterances": done.utterances,
        "changes": done.changes,
        "loads": stats.loads,
        "evictions": stats.evictions,
        "wrong": len(done.failures),
        "failures": done.failures,
        "budget_bytes": BUDGET,
        "highest_bytes": max(done.resident),
        "memory_early_bytes": max(done.memory[sixth : 2 * sixth]),
        "memory_late_bytes": max(done.memory[-sixth:]),
        "memory_highest_bytes": max(done.memory),
    }
    print(json.dumps(found))  # noqa: T201


if __name__ == "__main__":
    main()
