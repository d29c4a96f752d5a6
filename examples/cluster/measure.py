"""What a server loses as an actor of Ray, what Ray Serve would cost, and what clients see when an actor is killed.

    python -m examples.cluster.measure --base BASE_IN_ONNX --agents FOLDER

Throughput: the plain server, the server in an actor and, where `ray[serve]` is installed, the same model behind Ray
Serve's proxy take turns; each answers for some seconds. CPU time is that of the process that answers; for Ray Serve
that of all processes of Ray here, since the proxy and others work for each request, too. On a machine that does other
work, only the ratios within one run mean something.
Killing: two actors answer; one is killed while clients ask, some through `ClusterClient`, some plainly.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import signal
import statistics
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from examples.serving_benchmark import run

CLIENTS = 64
# After this long, nothing of a killed replica may be seen any more.
HEALED_SECONDS = 5.0


def requests_for(agents: Path) -> tuple[list[tuple[str, str]], list[bytes]]:
    """Texts and the agents that are asked, and the same as requests."""
    draw = random.Random(0)
    texts = run.UTTERANCES.read_text(encoding="utf-8").split("\n")[:-1]
    names = sorted(path.name for path in agents.iterdir() if not path.name.startswith("."))
    rows = [(draw.choice(texts), draw.choice(names)) for _ in range(4_096)]
    return rows, [run.request(f"/v1/agents/{quote(agent)}/predict", {"text": text}) for text, agent in rows]


def settings_for(base: str, agents: Path) -> Any:
    from intent_adapters.serving import read_settings

    return read_settings({"agents": agents, "base": base, "port": 0, "access_log": False}, environment={})


@contextmanager
def actors(base: str, agents: Path, count: int, file: Path | None = None) -> Iterator[Any]:
    """Replicas in actors of Ray, on this machine, which is looked after meanwhile."""
    from intent_adapters.cluster import Replicas

    with Replicas(settings_for(base, agents), replicas=count, file=file) as replicas:
        replicas.wait_until_ready(120)
        over = threading.Event()

        def watch() -> None:
            while not over.is_set():
                replicas.look()

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield replicas
        finally:
            over.set()
            thread.join()


def throughput(base: str, agents: Path, rounds: int, seconds: float) -> dict[str, Any]:
    """Rows a second and CPU time a row of each kind of server, medians of the rounds, and ratios to the plain one."""
    rows, requests = requests_for(agents)
    found: dict[str, list[dict[str, Any]]] = {}
    ray_serve = _ray_serve()

    def take(kind: str, place: tuple[int, int], requests: list[bytes] = requests) -> None:
        run.stage(place, requests, CLIENTS, 2)
        found.setdefault(kind, []).append(run.stage(place, requests, CLIENTS, seconds))

    for _ in range(rounds):
        with run.server(base, agents) as place:
            take("plain", place)
        with actors(base, agents, 1) as replicas:
            [place] = replicas.places
            take("actor", (int(place.address.rpartition(":")[2]), place.pid))
        if ray_serve is not None:
            bodies = [run.request("/", {"text": text, "agent": agent}) for text, agent in rows]
            with ray_serve.serving(base, agents) as place:
                take("ray serve", place, bodies)
    figures: dict[str, Any] = {}
    for kind, stages in found.items():
        for name in ("rows_per_second", "processor_ms_per_row", "p50_ms", "p99_ms"):
            figures.setdefault(kind, {})[name] = statistics.median(stage[name] for stage in stages)
        # Within each round: machines are faster and slower from minute to minute.
        pairs = [*zip(stages, found["plain"], strict=True)]
        ratios = [stage["rows_per_second"] / plain["rows_per_second"] for stage, plain in pairs]
        figures[kind]["rows_of_plain"] = round(statistics.median(ratios), 3)
        ratios = [plain["processor_ms_per_row"] / stage["processor_ms_per_row"] for stage, plain in pairs]
        figures[kind]["rows_of_plain_for_the_same_cpu_time"] = round(statistics.median(ratios), 3)
    if ray_serve is None:
        figures["ray serve"] = "not measured: pip install 'ray[serve]'"
    return figures


def _ray_serve() -> Any:
    """The module with the application of Ray Serve; `None` where that is not installed."""
    try:
        from examples.cluster import ray_serve
    except ModuleNotFoundError:
        return None
    return ray_serve


class Asking:
    """Clients that ask on and on, and what they saw, with when it was."""

    def __init__(self, file: Path, rows: list[tuple[str, str]], clients: int) -> None:
        from intent_adapters.cluster import ClusterClient

        self._client = ClusterClient(file, refresh_seconds=1)
        self._rows, self._file = rows, file
        self._over = threading.Event()
        self.answered = {"client": 0, "plain": 0}
        self.problems: dict[str, list[tuple[float, str]]] = {"client": [], "plain": []}
        self.slowest = 0.0
        kinds = [self._through_client] * clients + [self._plainly] * clients
        self._threads = [threading.Thread(target=work, args=(index,)) for index, work in enumerate(kinds)]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
        self._client.close()

    def _through_client(self, first: int) -> None:
        for text, agent in self._from(first):
            began = time.monotonic()
            try:
                self._client.predict(text, agent)
                self.answered["client"] += 1
            except Exception as error:
                self.problems["client"].append((time.monotonic(), f"{type(error).__name__}: {error}"))
            self.slowest = max(self.slowest, time.monotonic() - began)

    def _plainly(self, first: int) -> None:
        """A client that asks any replica of the list, and does not try again."""
        draw = random.Random(first)
        for text, agent in self._from(first):
            time.sleep(0.02)
            try:
                address = draw.choice(json.loads(self._file.read_text(encoding="utf-8"))["replicas"])["address"]
                body = json.dumps({"text": text}).encode()
                with urllib.request.urlopen(f"{address}/v1/agents/{quote(agent)}/predict", body, timeout=15) as answer:
                    answer.read()
                self.answered["plain"] += 1
            except (OSError, http.client.HTTPException) as error:
                kind = f"status {error.code}" if isinstance(error, urllib.error.HTTPError) else type(error).__name__
                self.problems["plain"].append((time.monotonic(), kind))

    def _from(self, first: int) -> Iterator[tuple[str, str]]:
        index = 37 * first
        while not self._over.is_set():
            yield self._rows[index % len(self._rows)]
            index += 1


def killing(base: str, agents: Path, clients: int, times: int) -> dict[str, Any]:
    """Kill a replica under load, again and again; what clients see before and after it is replaced."""
    rows, _ = requests_for(agents)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "replicas.json")
        with actors(base, agents, 2, file) as replicas:
            asking = Asking(file, rows, clients)
            kills, replaced = [], []
            for _ in range(times):
                time.sleep(2)
                victim = replicas.places[0]
                os.kill(victim.pid, signal.SIGKILL)
                kills.append(time.monotonic())
                while len(replicas.places) < 2 or victim in replicas.places:
                    time.sleep(0.05)
                replaced.append(time.monotonic() - kills[-1])
                time.sleep(HEALED_SECONDS)
            asking.end()
    after = {kind: [_since(kills, moment) for moment, _ in problems] for kind, problems in asking.problems.items()}
    return {
        "killed": times,
        "replaced_after_seconds": [round(seconds, 2) for seconds in replaced],
        "client": {
            "answered": asking.answered["client"],
            "problems": [text for _, text in asking.problems["client"]][:5],
            "slowest_seconds": round(asking.slowest, 2),
        },
        "plain": {
            "answered": asking.answered["plain"],
            "problems": len(after["plain"]),
            "of_kinds": sorted({text for _, text in asking.problems["plain"]}),
            "last_after_seconds": round(max(after["plain"], default=0.0), 2),
            f"later_than_{HEALED_SECONDS:g}_seconds": sum(seconds > HEALED_SECONDS for seconds in after["plain"]),
        },
    }


def _since(kills: list[float], moment: float) -> float:
    return moment - max((kill for kill in kills if kill <= moment), default=moment)


def main() -> None:
    """Measure, and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", required=True, help="a base in ONNX")
    parser.add_argument("--agents", required=True, type=Path, help="a folder of adapter folders")
    parser.add_argument("--rounds", type=int, default=3, help="of throughput; 0 leaves it out")
    parser.add_argument("--seconds", type=float, default=5, help="for which each server is asked in a round")
    parser.add_argument("--kills", type=int, default=3, help="0 leaves them out")
    parser.add_argument("--clients", type=int, default=8, help="of each kind that ask while replicas are killed")
    arguments = parser.parse_args()
    base, agents = str(Path(arguments.base).resolve()), arguments.agents.resolve()
    import ray

    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    if arguments.rounds:
        print(json.dumps({"throughput": throughput(base, agents, arguments.rounds, arguments.seconds)}), flush=True)
    if arguments.kills:
        print(json.dumps({"killing": killing(base, agents, arguments.clients, arguments.kills)}), flush=True)


if __name__ == "__main__":
    main()
