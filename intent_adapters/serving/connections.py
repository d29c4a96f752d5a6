"""Connections that may take neither forever nor too much memory to say what they want, and that lose no request.

uvicorn has no such limits, and when it stops it closes a connection on which a request is just arriving.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADER_SECONDS = 10.0
# How long a server that stops waits for requests on connections that are open.
LINGER_SECONDS = 0.5
MAX_HEADER_BYTES = 64 * 2**10


class Connection(HttpToolsProtocol):
    """A connection whose headers must come soon, and be short."""

    header_seconds = HEADER_SECONDS
    linger_seconds = LINGER_SECONDS

    def connection_made(self, transport: Any) -> None:
        """See asyncio; a connection that says nothing is as slow as one that says little."""
        super().connection_made(transport)
        accepted = transport.get_extra_info("socket")
        if accepted.family != getattr(socket, "AF_UNIX", None):
            # A response is written in two parts. asyncio, unlike uvloop, would have the second wait for 40 ms.
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._slow: asyncio.TimerHandle | None = None
        self._header_bytes = 0
        self._expect_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        self._header_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing() or not self._awaits_headers():
            return
        self._expect_headers()
        if self._header_bytes > MAX_HEADER_BYTES:
            self._refuse(b"431 Request Header Fields Too Large")

    def on_headers_complete(self) -> None:
        """See httptools."""
        self._stop_timer()
        self._header_bytes = 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """See httptools."""
        self._header_bytes = 0
        super().on_message_complete()

    def shutdown(self) -> None:
        """See uvicorn, which closes a connection without a request at once, also where one is on its way."""
        if self._awaits_headers():
            self.loop.call_later(self.linger_seconds, super().shutdown)
        else:
            super().shutdown()

    def _awaits_headers(self) -> bool:
        return self.cycle is None or (self.cycle.response_complete and not self.cycle.more_body)

    def _expect_headers(self) -> None:
        if self._slow is None:
            self._slow = self.loop.call_later(self.header_seconds, self._refuse, b"408 Request Timeout")

    def _stop_timer(self) -> None:
        if self._slow is not None:
            self._slow.cancel()
            self._slow = None

    def _refuse(self, status: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 " + status + b"\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
            self.transport.close()
