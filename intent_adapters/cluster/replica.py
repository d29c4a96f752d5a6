"""One replica of a server as an actor of Ray. It listens on its node: what clients send never passes through Ray."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import threading
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import ray

from intent_adapters.errors import ConfigError, IntentAdaptersError
from intent_adapters.serving.server import Server, listening, run_process
from intent_adapters.serving.settings import Settings
from intent_adapters.serving.shared import Shared
from intent_adapters.serving.trainer import training

# Addresses that stand for all of a machine's.
EVERYWHERE = {"0.0.0.0", "::"}
CHECK_SECONDS = 5.0


@dataclass(frozen=True)
class Place:
    """Where a replica runs.

    Attributes:
        address: Where clients reach it, such as "http://10.0.0.1:8000".
        node: The address of its node.
        pid: The number of its process there.
    """

    address: str
    node: str
    pid: int


class Replica:
    """Runs the server in a thread, from the moment it is made.

    Args:
        settings: Of the server. Of `port` and the ones after it, the first that is free on the node is taken.
        ports: How many ports are tried.

    Raises:
        BaseError: The base cannot be loaded.
        ConfigError: No address can be listened on, the tokens cannot be used, or no agent can answer.
    """

    def __init__(self, settings: Settings, ports: int) -> None:
        # Ray's workers give way to everything else on their node (niceness 15), and threads take after the one that
        # makes them. Without the privilege for this, RAY_worker_niceness=0 where Ray is started does the same.
        with suppress(AttributeError, OSError):
            os.setpriority(os.PRIO_PROCESS, 0, 0)
        self._settings = settings
        self._ports = ports
        self._server: Server | None = None
        self._problem: Exception | None = None
        self._begun = threading.Event()
        self._thread = threading.Thread(target=self._run, name="intent-adapters-server", daemon=True)
        self._thread.start()
        self._begun.wait()
        if self._problem is not None:
            raise self._problem

    def check(self) -> Place:
        """See that the server answers.

        Returns:
            Where it does.

        Raises:
            IntentAdaptersError: It does not.
        """
        parts = urlsplit(self._place.address)
        with closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=CHECK_SECONDS)) as probe:
            try:
                probe.request("GET", "/livez")
                status = probe.getresponse().status
            except (OSError, http.client.HTTPException) as error:
                raise IntentAdaptersError(f"{self._place.address} does not answer: {error}") from error
        if status != 200:
            raise IntentAdaptersError(f"{self._place.address} cannot answer: /livez has status {status}.")
        return self._place

    def stop(self) -> None:
        """Drain and end as on SIGTERM; returns when all that was taken has been answered."""
        if self._server is not None:
            self._server.handle_exit(signal.SIGTERM, None)
        self._thread.join()

    def _run(self) -> None:
        try:
            with ExitStack() as stack:
                listener = self._listen(stack)
                node = ray.util.get_node_ip_address()
                host = node if self._settings.host in EVERYWHERE else self._settings.host
                host = f"[{host}]" if ":" in host else host
                self._place = Place(f"http://{host}:{listener.getsockname()[1]}", node, os.getpid())
                stack.enter_context(training(self._settings))
                run_process(self._settings, [listener], Shared(), self._has_begun)
        except Exception as error:
            self._problem = error
        finally:
            self._begun.set()

    def _listen(self, stack: ExitStack) -> socket.socket:
        """The socket, on the first port that is free of those that may be taken."""
        first, last = self._settings.port, min(self._settings.port + self._ports - 1, 65535)
        for port in range(first, last + 1) if first else [0]:
            try:
                return stack.enter_context(listening(self._settings.model_copy(update={"port": port})))
            except ConfigError:
                if port in (0, last):
                    raise
        raise AssertionError

    def _has_begun(self, server: Server) -> None:
        self._server = server
        self._begun.set()
