"""Connections to replicas that are kept open, for any number of threads."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections import defaultdict
from typing import Any, NamedTuple
from urllib.parse import urlsplit

# Whether a machine is there shows sooner than what it answers.
CONNECT_SECONDS = 2.0


class Answer(NamedTuple):
    """What came back of a request.

    Attributes:
        status: Of HTTP.
        retry_after: How many seconds the server wants nothing more; 0 where it did not say.
        content: The body as JSON has it; `None` where it is no JSON.
    """

    status: int
    retry_after: float
    content: Any


class Connections:
    """Connections by address, as many as there are threads that ask at the same time.

    Args:
        seconds: How long an answer may take.
        token: That all requests carry; `None`: they carry none.
    """

    def __init__(self, seconds: float, token: str | None = None) -> None:
        self._seconds = seconds
        self._headers = {"Content-Type": "application/json"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        self._idle: dict[str, list[http.client.HTTPConnection]] = defaultdict(list)
        self._lock = threading.Lock()

    def post(self, address: str, path: str, body: object) -> Answer:
        """Ask.

        Args:
            address: Such as "http://10.0.0.1:8000".
            path: Such as "/v1/predict".
            body: What is sent, as JSON.

        Raises:
            OSError: Nobody answered.
            http.client.HTTPException: What came back is not HTTP, or was cut off.
        """
        content = json.dumps(body)
        with self._lock:
            kept = self._idle[address].pop() if self._idle[address] else None
        if kept is not None:
            try:
                return self._ask(address, kept, path, content)
            except TimeoutError:
                raise
            except (OSError, http.client.HTTPException):
                pass  # the server had closed it, perhaps long ago
        connection = _connect(address)
        connection.sock.settimeout(self._seconds)
        return self._ask(address, connection, path, content)

    def _ask(self, address: str, connection: http.client.HTTPConnection, path: str, content: str) -> Answer:
        try:
            connection.request("POST", path, content, self._headers)
            response = connection.getresponse()
            read = response.read()
        except BaseException:
            connection.close()
            raise
        if connection.sock is not None:  # http.client closes it where the server wants that
            with self._lock:
                self._idle[address].append(connection)
        try:
            found = json.loads(read)
        except ValueError:
            found = None
        return Answer(response.status, _seconds(response.headers.get("Retry-After")), found)

    def close(self) -> None:
        """Close those that nobody uses."""
        with self._lock:
            connections = [connection for kept in self._idle.values() for connection in kept]
            self._idle.clear()
        for connection in connections:
            connection.close()


def _connect(address: str) -> http.client.HTTPConnection:
    parts = urlsplit(address)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=CONNECT_SECONDS)
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _seconds(header: str | None) -> float:
    """What `Retry-After` says; a date says nothing here."""
    return float(header) if header is not None and header.isascii() and header.isdigit() else 0.0
