"""Agents that are replaced, added, removed and pinned over HTTP while others ask, and what each answer must be.

`python -m tests.support.http_churn --seconds 600` does so for ten minutes and prints what happened.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote

from intent_adapters import IntentModel
from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.loading import load_onnx_base
from intent_adapters.runtime.onnx.export import export_folder
from tests.support.adapters import random_adapter
from tests.support.http_servers import Running, start_server
from tests.support.tiny_files import write_tiny_base

TOKEN = "the-token-of-the-admin"
TEXTS = ["예약 취소", "cancel", "how much is it to change it?", "주세요 " * 9]
STEADY, SWAPPED, PASSING = "steady", "늘 바뀌는", "passing"
CHANGES_PER_SECOND = 20
# Threads that change agents, each its own: under load, one alone would not come to so many.
CHANGERS = 5
BUDGET = 80_000
"""Bytes for adapters in memory: of the agents about half fit."""


@dataclass
class HttpChurn:
    """A server whose agents change while it answers.

    Steady agents stay as they are; swapped ones are replaced again and again; passing ones come and go.

    Args:
        running: The server, a single process; agents are taken from a folder with `versions`, "0", "1" and so on.
        versions: Those adapters.
        expected: What each version answers, by its name and the text.
    """

    running: Running
    versions: list[Adapter]
    expected: dict[tuple[str, str], dict[str, Any]]
    failures: list[str] = field(default_factory=list)
    answers: int = 0
    changes: int = 0
    quiet: list[float] = field(default_factory=list)
    """Seconds that requests to steady agents took while nothing changed."""
    busy: list[float] = field(default_factory=list)
    """The same while agents changed."""

    def __post_init__(self) -> None:
        names = [adapter.version for adapter in self.versions]
        self._steady = {f"{STEADY} {index}": name for index, name in enumerate(names)}
        # Every version that was ever put in an agent's place, the newest perhaps not in it yet; and which of them is
        # in place for certain. None: the agent is not there.
        self._history: dict[str, list[str | None]] = {f"{SWAPPED} {index}": [names[0]] for index in range(3)}
        self._history |= {f"{PASSING} {index}": [None] for index in range(2)}
        self._in_place = dict.fromkeys(self._history, 0)
        self._due: dict[str, float] = {}
        self._pinning = threading.Lock()

    def run(self, quiet_seconds: float, seconds: float, clients: int = 4) -> None:
        """Let everything happen at once for a while.

        Args:
            quiet_seconds: How long nothing changes at first.
            seconds: How long agents change then.
            clients: How many ask.
        """
        self._end, self._change_from = threading.Event(), time.monotonic() + quiet_seconds
        changing = [partial(self._change, [*self._history][number::CHANGERS]) for number in range(CHANGERS)]
        workers = [*changing, *[self._ask] * clients]
        threads = [threading.Thread(target=self._guarded, args=(work, seed)) for seed, work in enumerate(workers)]
        for thread in threads:
            thread.start()
        until = self._change_from + seconds
        while time.monotonic() < until and not self.failures:
            self._end.wait(0.05)
        self._end.set()
        for thread in threads:
            thread.join(60)

    def _guarded(self, work: Callable[[HTTPConnection, random.Random], None], seed: int) -> None:
        draw = random.Random(seed)
        with closing(self.running.connect()) as connection:
            while not self._end.is_set() and len(self.failures) < 10:
                try:
                    work(connection, draw)
                except Exception as error:
                    self.failures.append(f"{type(error).__name__}: {error}")

    def _change(self, names: list[str], connection: HTTPConnection, draw: random.Random) -> None:
        now = time.monotonic()
        if self._end.wait(max(self._change_from - now, self._due.setdefault(names[0], now) - now, 0)):
            return
        self._due[names[0]] = max(self._due[names[0]], self._change_from) + CHANGERS / CHANGES_PER_SECOND
        name = draw.choice([*names, draw.choice([*self._steady])])
        if name in self._steady:
            with self._pinning:  # pins of many of them would leave no room
                self._send("POST", f"{name}/pin")
                self._send("POST", f"{name}/unpin")
        elif name.startswith(PASSING) and self._history[name][-1]:
            self._put_in_place(name, None)
        else:
            self._put_in_place(name, draw.randrange(len(self.versions)))
        self.changes += 1

    def _put_in_place(self, name: str, number: int | None) -> None:
        version = None if number is None else self.versions[number].version
        self._history[name].append(version)
        if number is None:
            self._send("DELETE", name)
        else:
            answer = self._send("PUT", name, {"folder": f"{number}"})
            if answer["version"] != version:
                self.failures.append(f"{name} is said to be {answer}")
        self._in_place[name] += 1

    def _send(self, method: str, place: str, body: object = None) -> dict[str, Any]:
        path = f"/admin/agents/{quote(place)}"
        status, answer = self.running.ask(method, path, json.dumps(body) if body else None, TOKEN)
        content: dict[str, Any] = json.loads(answer)
        if status != 200:
            self.failures.append(f"{method} {place}: {content}")
        return content

    def _ask(self, connection: HTTPConnection, draw: random.Random) -> None:
        agents = draw.choices([*self._steady] if draw.random() < 0.5 else [*self._history], k=draw.choice([1, 1, 4]))
        rows = [{"agent": agent, "text": draw.choice(TEXTS)} for agent in agents]
        before = dict(self._in_place)
        started = time.monotonic()
        connection.request("POST", "/v1/predict", json.dumps({"rows": rows}))
        answer = connection.getresponse()
        content = json.loads(answer.read())
        took = time.monotonic() - started
        after = {name: len(history) for name, history in self._history.items()}
        if answer.status != 200:
            self.failures.append(f"status {answer.status}: {content}")
            return
        if agents[0] in self._steady:
            (self.quiet if started < self._change_from else self.busy).append(took)
        for row, found in zip(rows, content["predictions"], strict=True):
            name = row["agent"]
            # One that was in place at some moment of the request.
            allowed = self._history[name][before[name] : after[name]] if name in before else [self._steady[name]]
            self._check(row, found, allowed)

    def _check(self, row: dict[str, str], found: dict[str, Any], allowed: list[str | None]) -> None:
        self.answers += 1
        if "error" in found:
            if None not in allowed or found["error"]["code"] != "unknown_agent":
                self.failures.append(f"{row} got {found}, allowed were {allowed}")
            return
        wanted = self.expected[found["version"], row["text"]]
        is_same = found["label"] == wanted["label"] and abs(found["score"] - wanted["score"]) < 1e-4
        if found["agent"] != row["agent"] or found["version"] not in allowed or not is_same:
            self.failures.append(f"{row} got {found}, allowed were {allowed}")


def http_churn(folder: Path, quiet_seconds: float, seconds: float) -> HttpChurn:
    """Let agents of a tiny base change, with a budget that is too small for all of them.

    Args:
        folder: For the base, the adapters and the agents.
        quiet_seconds: How long nothing changes at first.
        seconds: How long agents change then.
    """
    export_folder(write_tiny_base(folder / "onnx"), None, precision="float32")
    base = load_onnx_base(folder / "onnx")
    versions = [random_adapter(base, labels=6, seed=seed, threshold=0.3) for seed in range(6)]
    model = IntentModel.from_pretrained(folder / "onnx", backend="onnx", threads=1)
    expected = {}
    for number, adapter in enumerate(versions):
        adapter.write(folder / "versions" / f"{number}")
        adapter.write(folder / "agents" / f"{STEADY} {number}")
        model.add_agent(f"{number}", adapter)
        for text in TEXTS:
            expected[adapter.version, text] = model.predict(text, f"{number}").to_dict()
    for index in range(3):
        versions[0].write(folder / "agents" / f"{SWAPPED} {index}")
    running = start_server(
        folder,
        folder / "agents",
        folder / "onnx",
        "--no-access-log",
        "--max-adapter-bytes",
        f"{BUDGET}",
        INTENT_ADAPTERS_ADMIN_TOKEN=TOKEN,
        INTENT_ADAPTERS_ADMIN_FOLDER=str(folder / "versions"),
    )
    try:
        running.wait_for("ready")
        done = HttpChurn(running, versions, expected)
        done.run(quiet_seconds, seconds)
        if running.stop() != 0:
            done.failures.append("it did not end in good order")
    finally:
        running.process.kill()
        running.process.wait()
    return done


def main() -> None:
    """Churn and print JSON."""
    parser = argparse.ArgumentParser(description="A server that answers while agents are replaced, added and removed")
    parser.add_argument("--seconds", type=float, default=600)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as folder:
        done = http_churn(Path(folder), seconds / 5, seconds)
    quiet, busy = [1000 * sorted(times)[int(0.99 * len(times))] for times in (done.quiet, done.busy)]
    found = {
        "seconds": seconds,
        "answers": done.answers,
        "changes_per_second": round(done.changes / seconds, 1),
        "wrong": len(done.failures),
        "failures": done.failures,
        "p99_ms_untouched_quiet": round(quiet, 2),
        "p99_ms_untouched": round(busy, 2),
        "times": round(busy / quiet, 2),
    }
    print(json.dumps(found, ensure_ascii=False))  # noqa: T201


if __name__ == "__main__":
    main()
