"""How fast `intent-adapters serve` answers, beside the library in the same run.

    python -m examples.serving_benchmark --base BASE_IN_ONNX --agents FOLDER

The server is a process of its own, and so is what asks it; each stage lasts a few seconds. On a machine that does
other work, only the ratios within one run mean something.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from urllib.parse import quote

UTTERANCES = Path(__file__).parent / "benchmark" / "utterances.txt"
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
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(content)}\r\n\r\n"
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
def server(base: str, agents: Path, *options: str) -> Iterator[tuple[int, int]]:
    """A server process: its port and its number."""
    command = [sys.executable, "-c", "from intent_adapters.cli import app; app()", "serve", str(agents)]
    command += ["--base", base, "--port", "0", "--no-access-log", *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, encoding="utf-8")
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


def processor_seconds(pid: int) -> float:
    """What a process has used of the processor; 0 where the system does not say."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(
    base: str, agents: Path, seconds: float, zipf: bool, max_adapter_bytes: int | None, options: list[str]
) -> dict[str, object]:
    """All stages; the library comes before and after the server."""
    if max_adapter_bytes is not None:
        options = [*options, "--max-adapter-bytes", str(max_adapter_bytes)]
    draw = random.Random(0)
    texts = UTTERANCES.read_text(encoding="utf-8").split("\n")[:-1]
    texts = draw.choices(texts, k=64 * ROWS)
    known = sorted(path.name for path in agents.iterdir() if not path.name.startswith("."))
    draw.shuffle(known)
    names = draw.choices(known, [1 / rank if zipf else 1 for rank in range(1, len(known) + 1)], k=len(texts))
    rows = list(zip(texts, names, strict=True))
    single = [request(f"/v1/agents/{quote(name)}/predict", {"text": text}) for text, name in rows]
    many = [
        request("/v1/predict", {"rows": [{"text": text, "agent": name} for text, name in rows[start : start + ROWS]]})
        for start in range(0, len(rows), ROWS)
    ]
    found: dict[str, object] = {}
    library_arguments = (base, agents, texts, names, seconds, max_adapter_bytes)
    with ProcessPoolExecutor(1, get_context("spawn")) as library:
        found["library, before"] = library.submit(in_process, *library_arguments).result()
        with server(base, agents, *options) as (port, pid):
            asyncio.run(ask(port, many, 1, 1))
            for clients, requests, count in [*((clients, single, 1) for clients in CLIENTS), (1, many, ROWS)]:
                used = processor_seconds(pid)
                load = asyncio.run(ask(port, requests, clients, seconds))
                used = processor_seconds(pid) - used
                figures = load.figures(count)
                figures["processor_ms_per_row"] = round(1000 * used / (count * len(load.milliseconds)), 3)
                found[f"{clients} clients, {count} rows each"] = figures
        found["library, after"] = library.submit(in_process, *library_arguments).result()
    return found


def main() -> None:
    """Measure and print a JSON object for each stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", required=True, help="a base in ONNX")
    parser.add_argument("--agents", required=True, type=Path, help="a folder of adapter folders")
    parser.add_argument("--seconds", type=float, default=3, help="how long each stage lasts")
    parser.add_argument("--zipf", action="store_true", help="ask few agents often and most of them seldom")
    parser.add_argument("--max-adapter-bytes", type=int, help="how much memory the adapters may take")
    parser.add_argument("options", nargs="*", help="of the server, behind --")
    arguments = parser.parse_args()
    for stage, figures in measure(**vars(arguments)).items():
        print(json.dumps({stage: figures}))


if __name__ == "__main__":
    main()
