"""Servers as processes of their own, and clients that ask them on and on."""

from __future__ import annotations

import http.client
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from tests.support.processes import HEAVY

MAIN = """
from intent_adapters.cli import app
if __name__ == "__main__":
    app(prog_name="intent-adapters")
"""
# As if they were not installed: a server needs none of them.
PROGRAM = f"""
import sys
sys.modules.update(dict.fromkeys({HEAVY!r}))
{MAIN}"""


class Running:
    """A server that runs."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: queue.Queue[dict] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.address = self.wait_for("listening")["address"]

    def _read(self) -> None:
        for line in self.process.stderr:
            self.lines.put(json.loads(line) if line.startswith("{") else {"event": line})
        self.lines.put({"event": "ended"})

    def wait_for(self, event: str) -> dict:
        """The next line about an event."""
        while True:
            line = self.lines.get(timeout=60)
            if line["event"] == event:
                return line
            if line["event"] == "ended":
                raise AssertionError(f"the server ended before it said {event!r}")

    def connect(self) -> http.client.HTTPConnection:
        if self.address.startswith("unix:"):
            connection = http.client.HTTPConnection("localhost", timeout=30)
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.connect(self.address.removeprefix("unix:"))
            return connection
        connection = http.client.HTTPConnection(self.address.removeprefix("http://"), timeout=30)
        connection.connect()
        return connection

    def ask(self, method: str, path: str, body: str | None = None, token: str = "") -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        with closing(self.connect()) as connection:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)


def start_server(
    folder: Path, agents: Path, base: Path, *options: str, program: str = PROGRAM, **environment: str
) -> Running:
    """Start a server that listens on a port of its choice.

    Args:
        folder: For a file with the program.
        agents: Folder of its agents.
        base: Its base.
        *options: Further ones of the command.
        program: What is run.
        **environment: Further variables.
    """
    file = folder / "program.py"
    file.write_text(program, encoding="utf-8")
    command = [sys.executable, str(file), "serve", str(agents), "--base", str(base), "--port", "0", *options]
    process = subprocess.Popen(
        command,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "INTENT_ADAPTERS_DRAIN_SECONDS": "0.2", **environment},
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    return Running(process)


class Burst:
    """Clients that ask on and on; each makes a new connection where the server closes one, until it takes none.

    Args:
        running: The server.
        clients: How many.
        agents: Those that each request asks.
    """

    def __init__(self, running: Running, clients: int, agents: Sequence[str]) -> None:
        self.answered, self.refused, self.lost = 0, 0, 0
        self.wrong: list[str] = []
        self._running = running
        self._agents = [*agents]
        self._body = json.dumps({"rows": [{"text": "예약 취소", "agent": agent} for agent in agents]})
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    def _ask(self) -> None:
        while True:
            try:
                connection = self._running.connect()
            except (ConnectionRefusedError, FileNotFoundError):
                return
            with closing(connection):
                while self._is_answered(connection):
                    pass

    def _is_answered(self, connection: http.client.HTTPConnection) -> bool:
        """Asks once; whether the connection stays open."""
        try:
            connection.request("POST", "/v1/predict", self._body)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            self.lost += 1
            return False
        agents = [row.get("agent") for row in json.loads(content).get("predictions", [])]
        if answer.status == 429:  # too much waited
            self.refused += 1
        elif answer.status != 200 or agents != self._agents:
            self.wrong.append(f"{answer.status}: {content!r}")
        else:
            self.answered += 1
        return answer.headers["connection"] != "close"

    def join(self) -> None:
        for thread in self._threads:
            thread.join(30)
