"""One process of a server: from settings and sockets to requests, and to an orderly end."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import signal
import socket
import stat
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import parent_process
from pathlib import Path
from types import FrameType

import uvicorn

from intent_adapters.errors import ConfigError
from intent_adapters.model import IntentModel
from intent_adapters.serving.app import App
from intent_adapters.serving.connections import Connection
from intent_adapters.serving.logs import log_to_stderr
from intent_adapters.serving.service import Service
from intent_adapters.serving.settings import Settings
from intent_adapters.serving.shared import Shared

log = logging.getLogger(__name__)

BACKLOG = 2048
# Longer than what proxies keep their connections open, so that they and not we close them.
KEEP_ALIVE_SECONDS = 75
# A packet filter for TCP: load the flags; if SYN is among them, pass over the packet; take any other.
SO_ATTACH_FILTER = 26
NO_SYN = ((0x30, 0, 0, 13), (0x45, 0, 1, 2), (0x06, 0, 0, 0), (0x06, 0, 0, 2**32 - 1))
# How long connections take that were begun before.
HANDSHAKE_SECONDS = 0.1
# How long those that are told that the server ends have to be told.
HANG_UP_SECONDS = 0.2


class Server(uvicorn.Server):
    """A server that says that it will stop before it does.

    Args:
        config: Of uvicorn.
        service: Told that the end has come.
        drain_seconds: How long requests are taken after SIGTERM.
        on_start: Called when requests are taken.
    """

    def __init__(
        self, config: uvicorn.Config, service: Service, drain_seconds: float, on_start: Callable[[], object]
    ) -> None:
        super().__init__(config)
        self._service = service
        self._drain_seconds = drain_seconds
        self._on_start = on_start

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """See uvicorn."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        self._on_start()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """See uvicorn; the connections that the system has made for it by then are served, too."""
        for listener in sockets or ():
            last = listener.dup()
            last.setblocking(False)
            if parent_process() is None:  # from here on nobody else finds it
                await _hide(listener)
            for server in self.servers:
                server.close()
            listener.close()
            await asyncio.sleep(0)  # until then the event loop has the socket, too
            with last, suppress(BlockingIOError):
                while True:
                    connection, _ = last.accept()
                    await self._loop.connect_accepted_socket(self._connection, connection)
        await super().shutdown(sockets)

    def _connection(self) -> Connection:
        return Connection(self.config, self.server_state, self.lifespan.state)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM begins to drain, and ends it the second time; SIGINT, Ctrl-C, does not wait for new requests.

        SIGINT when it has ended, or a second one, does not wait for answers either.
        """
        # A signal that uvicorn takes note of it raises again in the end, and the exit code would be that of a failure.
        if self.started and self.should_exit and sig == signal.SIGINT:
            # Not uvicorn's `force_exit`: with that, the thread of the batches would be running when Python ends.
            self._loop.call_soon_threadsafe(self._give_up)
            return
        if self._service.stopping or sig != signal.SIGTERM or not self.started:
            self._stop()
            return
        self._service.stopping = True
        self._loop.call_soon_threadsafe(self._loop.call_later, self._drain_seconds, self._stop)

    def _give_up(self) -> None:
        """Say that it ends to those that wait, and hang up."""
        self._service.give_up()
        self._loop.call_later(HANG_UP_SECONDS, self._hang_up)

    def _hang_up(self) -> None:
        for connection in list(self.server_state.connections):
            connection.transport.close()

    def _stop(self) -> None:
        self._service.stopping = True
        self.should_exit = True


def run_process(
    settings: Settings,
    sockets: list[socket.socket],
    shared: Shared,
    on_start: Callable[[Server], object] = lambda _: None,
) -> None:
    """Serve until a signal ends it.

    Args:
        settings: What the server is told.
        sockets: They listen already.
        shared: What the processes of the server have in common.
        on_start: Called with the server when requests are taken.

    Raises:
        BaseError: The base cannot be loaded.
        ConfigError: The tokens cannot be used, or no agent can answer.
    """
    log_to_stderr()
    model = IntentModel.from_pretrained(
        settings.base,
        backend="onnx",
        precision=settings.precision,
        threads=settings.threads,
        adapter_dtype=settings.adapter_dtype,
        max_adapter_bytes=settings.max_adapter_bytes,
    )
    service = Service(settings, model, shared)
    service.agents.try_out()
    config = uvicorn.Config(
        App(service),
        http=Connection,
        loop="asyncio",  # uvloop is no faster here: what waits is the encoder
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=settings.max_connections,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=settings.shutdown_seconds,
        backlog=BACKLOG,
    )

    def started() -> None:
        log.info("ready", extra={"fields": {"agents": len(service.agents.names)}})
        on_start(server)

    server = Server(config, service, settings.drain_seconds, started)
    server.run(sockets)
    log.info("stopped")


async def _hide(listener: socket.socket) -> None:
    """Let no new client reach a socket; it was this process alone that listened on it.

    Between the last look for connections and the closing of a TCP socket, the system would make further ones, and
    break them. Linux can be told to pass over packets that ask for one: these clients ask again, and are refused.
    """
    path = listener.getsockname()
    if isinstance(path, str):
        Path(path).unlink(missing_ok=True)
    elif sys.platform == "linux":
        code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in NO_SYN))
        program = struct.pack("HP", len(NO_SYN), ctypes.addressof(code))
        with suppress(OSError):  # not everything that calls itself Linux can do it
            listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
            await asyncio.sleep(HANDSHAKE_SECONDS)


@contextmanager
def listening(settings: Settings) -> Iterator[socket.socket]:
    """A socket that listens as the settings say; the path of a Unix socket is removed in the end.

    Raises:
        ConfigError: The address cannot be listened on.
    """
    try:
        if settings.unix_socket is not None:
            listener = _listen_at(settings.unix_socket)
        else:
            family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
            listener = socket.create_server((settings.host, settings.port), family=family, backlog=BACKLOG)
    except OSError as error:
        place = settings.unix_socket or f"{settings.host}:{settings.port}"
        raise ConfigError(f"The server cannot listen on {place}: {error.strerror or error}.") from error
    with listener:
        try:
            log.info("listening", extra={"fields": {"address": address_of(listener)}})
            yield listener
        finally:
            if settings.unix_socket is not None:
                settings.unix_socket.unlink(missing_ok=True)


def address_of(listener: socket.socket) -> str:
    """Where clients find a socket."""
    name = listener.getsockname()
    if isinstance(name, str):
        return f"unix:{name}"
    host = f"[{name[0]}]" if ":" in name[0] else name[0]
    return f"http://{host}:{name[1]}"


def _listen_at(path: Path) -> socket.socket:
    """A Unix socket; one that a killed server left is replaced."""
    if not hasattr(socket, "AF_UNIX"):
        raise OSError("this system has no Unix sockets for Python")
    with suppress(FileNotFoundError):
        if stat.S_ISSOCK(os.stat(path).st_mode) and not _is_answered(path):
            path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(path))
        path.chmod(0o660)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _is_answered(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        try:
            client.connect(str(path))
        except OSError:
            return False
    return True
