"""How fast `intent-adapters serve` answers, beside the library in the same run.

    python -m examples.serving_benchmark --base BASE_IN_ONNX --agents FOLDER [--pin] [--peer litserve=ENV/bin/python]

The server is a process of its own, and so is what asks it; each stage lasts a few seconds. On a machine that does
other work, only the ratios within one run mean something.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from urllib.parse import quote

FOLDER = Path(__file__).parent
UTTERANCES = FOLDER.parent / "benchmark" / "utterances.txt"
ROOT = FOLDER.parents[1]
# What else could serve the same model, and the requests that it takes.
PEERS = ("fastapi", "litserve")
ROWS = 64
CLIENTS = (1, 8, 32, 64, 256)


@dataclass
class Load:
    """What some clients got that each sent its next request when it had an answer.

    Attributes:
        milliseconds: What each request took.
        seconds: What all took.
        failures: Responses by status, other than 200.
    """

    milliseconds: list[float]
    seconds: float
    failures: dict[int, int]

    def figures(self, rows: int) -> dict[str, object]:
        """Rows per second, and quantiles."""
        done = sorted(self.milliseconds)
        return {
            "rows_per_second": round(rows * len(done) / self.seconds, 1),
            "p50_ms": round(statistics.median(done), 2),
            "p95_ms": round(done[int(0.95 * len(done))], 2),
            "p99_ms": round(done[int(0.99 * len(done))], 2),
            "failures": self.failures,
        }


class Client(asyncio.Protocol):
    """Sends one request after the other on one connection, until it is told to stop.

    Args:
        requests: What to send, again and again.
        first: With which of them to begin.
        load: Where to note what came of it.
        until: When to stop, by the event loop's clock.
    """

    def __init__(self, requests: list[bytes], first: int, load: Load, until: float) -> None:
        self._requests, self._next, self._load, self._until = requests, first, load, until
        self._received = b""
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if not end or len(body) < int(length):
            return
        now = time.perf_counter()
        status = int(head.split(b" ", 2)[1])
        if status == 200:
            self._load.milliseconds.append(1000 * (now - self._sent))
        else:
            self._load.failures[status] = self._load.failures.get(status, 0) + 1
        self._received = b""
        if asyncio.get_running_loop().time() < self._until:
            self._send()
        else:
            self.done.set_result(None)
            self._transport.close()

    def _send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(self._requests[self._next % len(self._requests)])
        self._next += 1


async def ask(port: int, requests: list[bytes], clients: int, seconds: float) -> Load:
    """Let clients ask for some seconds."""
    loop = asyncio.get_running_loop()
    load = Load([], 0.0, {})
    started = loop.time()
    connected = [
        await loop.create_connection(
            lambda number=number: Client(requests, 7 * number, load, started + seconds), "127.0.0.1", port
        )
        for number in range(clients)
    ]
    await asyncio.gather(*(client.done for _, client in connected))
    load.seconds = loop.time() - started
    return load


def request(path: str, body: object) -> bytes:
    """A request as it goes over the wire."""
    content = json.dumps(body, ensure_ascii=False).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        f"content-length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


def in_process(
    base: str, agents: Path, texts: list[str], names: list[str], seconds: float, max_adapter_bytes: int | None
) -> dict[str, float]:
    """Rows per second in batches of 64, and the median of single calls, on one thread."""
    from intent_adapters import IntentModel

    model = IntentModel.from_pretrained(
        base, backend="onnx", adapter_dir=agents, threads=1, max_adapter_bytes=max_adapter_bytes
    )
    model.predict(texts, names)
    took = []
    until = time.perf_counter() + seconds
    while (began := time.perf_counter()) < until:
        model.predict(texts[len(took) % len(texts)], names[len(took) % len(names)])
        took.append(time.perf_counter() - began)
    rows = 0
    began, used = time.perf_counter(), time.process_time()
    while time.perf_counter() < began + seconds:
        start = rows % len(texts)
        model.predict(texts[start : start + ROWS], names[start : start + ROWS])
        rows += ROWS
    return {
        "rows_per_second": round(rows / (time.perf_counter() - began), 1),
        "p50_ms": round(1000 * statistics.median(took), 2),
        "processor_ms_per_row": round(1000 * (time.process_time() - used) / rows, 3),
    }


@contextmanager
def server(base: str, agents: Path, *options: str, pin: bool = False) -> Iterator[tuple[int, int]]:
    """Our server as a process: its port and its number."""
    command = [sys.executable, "-c", "from intent_adapters.cli import app; app()", "serve", str(agents)]
    command += ["--base", base, "--port", "0", "--no-access-log", *options]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, encoding="utf-8", preexec_fn=_on_first if pin else None
    )
    assert process.stderr is not None
    port = 0
    try:
        for line in process.stderr:
            entry = json.loads(line)
            if entry["event"] == "listening":
                port = int(entry["address"].rpartition(":")[2])
            if entry["event"] == "ready":
                break
        yield port, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        process.stderr.close()


@contextmanager
def peer(name: str, python: str, base: str, agents: Path, *, pin: bool = False) -> Iterator[tuple[int, int]]:
    """Another server as a process, and what it starts: its port and its number."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [python, str(FOLDER / "peers" / f"{name}_server.py"), base, str(agents), str(port)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    process = subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=_on_first if pin else None,
    )
    try:
        for _ in range(300):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        yield port, process.pid
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _on_first() -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def processor_seconds(pid: int) -> float:
    """What a process and its children have used of the processor; 0 where the system does not say."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return 0.0
    own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return own + sum(processor_seconds(int(child)) for child in children)


def measure(
    base: str,
    agents: Path,
    *,
    seconds: float,
    zipf: bool = False,
    max_adapter_bytes: int | None = None,
    clients: Sequence[int] = CLIENTS,
    pin: bool = False,
    peers: Mapping[str, str] | None = None,
    options: Sequence[str] = (),
) -> Iterator[tuple[str, dict[str, object]]]:
    """All stages; the library comes before and after the servers."""
    if max_adapter_bytes is not None:
        options = [*options, "--max-adapter-bytes", str(max_adapter_bytes)]
    draw = random.Random(0)
    texts = UTTERANCES.read_text(encoding="utf-8").split("\n")[:-1]
    texts = draw.choices(texts, k=64 * ROWS)
    known = sorted(path.name for path in agents.iterdir() if not path.name.startswith("."))
    draw.shuffle(known)
    names = draw.choices(known, [1 / rank if zipf else 1 for rank in range(1, len(known) + 1)], k=len(texts))
    rows = [{"text": text, "agent": name} for text, name in zip(texts, names, strict=True)]
    single = [request(f"/v1/agents/{quote(row['agent'])}/predict", {"text": row["text"]}) for row in rows]
    many = [request("/v1/predict", {"rows": rows[start : start + ROWS]}) for start in range(0, len(rows), ROWS)]
    of_peers = {"fastapi": single, "litserve": [request("/predict", row) for row in rows]}
    library_arguments = (base, agents, texts, names, seconds, max_adapter_bytes)
    with ProcessPoolExecutor(1, get_context("spawn"), _on_first if pin else None) as library:
        if pin and len(cores := os.sched_getaffinity(0)) > 1:
            library.submit(os.getpid).result()  # it has its core before this process takes the others
            os.sched_setaffinity(0, cores - {min(cores)})
        yield "library, before", library.submit(in_process, *library_arguments).result()
        with server(base, agents, *options, pin=pin) as place:
            stage(place, many, 1, 1)
            for count in clients:
                yield f"{count} clients", stage(place, single, count, seconds)
            yield f"1 client, {ROWS} rows each", stage(place, many, 1, seconds, ROWS)
        for name, python in (peers or {}).items():
            with peer(name, python, base, agents, pin=pin) as place:
                stage(place, of_peers[name], 4, 2)
                for count in clients:
                    yield f"{name}, {count} clients", stage(place, of_peers[name], count, seconds)
        yield "library, after", library.submit(in_process, *library_arguments).result()


def stage(
    place: tuple[int, int], requests: list[bytes], clients: int, seconds: float, rows: int = 1
) -> dict[str, object]:
    """What some clients get of a server, given its port and its number, and what that costs it."""
    port, pid = place
    used = processor_seconds(pid)
    load = asyncio.run(ask(port, requests, clients, seconds))
    used = processor_seconds(pid) - used
    answered = rows * len(load.milliseconds)
    return {**load.figures(rows), "processor_ms_per_row": round(1000 * used / answered, 3)}
