"""Replicas that answer what a test tells them to, on ports of this machine."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from intent_adapters.cluster.ranking import ranked


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class FakeReplica:
    """Answers `POST /v1/predict`: each row's label says which replica it was, and its version which text.

    Attributes:
        address: Where it listens.
        failing: A response with a status other than 200 for each of the next requests: status, headers, body.
        row_errors: The error code of rows by their agent.
        asked: The rows of each request.
        seconds: How long an answer takes.
        hangs_up: Whether it closes connections after an answer without saying so.
    """

    def __init__(self) -> None:
        self.failing: list[tuple[int, dict[str, str], bytes]] = []
        self.row_errors: dict[str, str] = {}
        self.asked: list[list[dict[str, str]]] = []
        self.headers: list[dict[str, str]] = []
        self.seconds = 0.0
        self.hangs_up = False
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """No longer listen; open connections stay."""
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, row: dict[str, str]) -> dict[str, Any]:
        if code := self.row_errors.get(row["agent"]):
            return {"error": {"code": code, "message": f"{row['agent']}: {code}"}}
        scores = {"score": 0.9, "top_k": [{"label": self.address, "score": 0.9}], "in_scope": True, "scope_score": 0.5}
        return {"agent": row["agent"], "label": self.address, **scores, "threshold": None, "version": row["text"]}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        replica = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                replica.asked.append(body["rows"])
                replica.headers.append(dict(self.headers))
                time.sleep(replica.seconds)
                status, headers, content = 200, {}, b""
                if replica.failing:
                    status, headers, content = replica.failing.pop(0)
                else:
                    content = json.dumps({"predictions": [*map(replica._answer, body["rows"])]}).encode()
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)
                self.close_connection = replica.hangs_up

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@contextmanager
def fake_replicas(count: int) -> Iterator[list[FakeReplica]]:
    """So many of them, as long as the block runs."""
    replicas = [FakeReplica() for _ in range(count)]
    try:
        yield replicas
    finally:
        for replica in replicas:
            replica.stop()


def agents_of(replica: FakeReplica, replicas: list[FakeReplica], count: int) -> list[str]:
    """Agents that are asked of a replica first."""
    addresses = tuple(each.address for each in replicas)
    names = (f"agent {number}" for number in range(10_000))
    return [name for name in names if ranked(name, addresses)[0] == replica.address][:count]
