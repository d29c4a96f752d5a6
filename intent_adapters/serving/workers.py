"""All processes of a server: one socket, which all of them accept from, and a new process for each that died."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from tempfile import TemporaryDirectory

from intent_adapters.errors import IntentAdaptersError
from intent_adapters.serving.logs import log_to_stderr
from intent_adapters.serving.server import address_of, listening, run_process
from intent_adapters.serving.settings import Settings, unknown_variables
from intent_adapters.serving.shared import Shared
from intent_adapters.serving.trainer import training

log = logging.getLogger(__name__)

# How long to wait before another is started for one that died before it was ready.
RETRY_SECONDS = 1.0
# As `metrics.SHARED_FOLDER`, which must be set before prometheus_client is imported.
SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


def serve(settings: Settings, on_start: Callable[[str], object] = lambda address: None) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Args:
        settings: What the server is told.
        on_start: Called with the server's address, in a thread, once clients may connect and what trains is loaded, if
            that is to be ready. The first answer may take some seconds more.

    Raises:
        BaseError: The base cannot be loaded.
        ConfigError: The address cannot be listened on, or the tokens cannot be used.
        IntentAdaptersError: No process comes up.
    """
    log_to_stderr()
    if unknown := unknown_variables(os.environ):
        log.warning("unknown settings in the environment", extra={"fields": {"variables": unknown}})
    with listening(settings) as listener, training(settings) as loaded:
        address = address_of(listener)
        threading.Thread(target=lambda: loaded.wait() and on_start(address), daemon=True).start()
        if settings.workers == 1:
            run_process(settings, [listener], Shared())
            return
        with TemporaryDirectory(prefix="intent-adapters-") as shared:
            os.environ[SHARED_FOLDER] = shared
            try:
                _Workers(settings, listener).run()
            finally:
                del os.environ[SHARED_FOLDER]


@dataclass
class _Worker:
    process: SpawnProcess
    place: int
    ready: Connection
    """Says something when the process takes requests."""
    was_ready: bool = False


class _Workers:
    def __init__(self, settings: Settings, listener: socket.socket) -> None:
        self._settings = settings
        self._listener = listener
        self._shared = Shared(settings.workers)
        self._workers: list[_Worker] = []
        self._stopping = False
        self._woken, self._wake = multiprocessing.Pipe(duplex=False)
        self._deaths = 0

    def run(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        try:
            for place in range(self._settings.workers):
                self._start(place)
            while not self._stopping:
                self._watch()
        finally:
            self._stop()

    def _on_signal(self, *_: object) -> None:
        self._stopping = True
        self._wake.send(None)

    def _start(self, place: int) -> None:
        ready, says_ready = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.get_context("spawn").Process(
            target=_work,
            args=(self._settings, self._listener, self._shared, place, says_ready),
            name="intent-adapters-worker",
        )
        process.start()
        says_ready.close()
        self._workers.append(_Worker(process, place, ready))

    def _watch(self) -> None:
        """Wait until something happens, and see to it."""
        starting = [worker.ready for worker in self._workers if not worker.was_ready]
        happened = wait([self._woken, *starting, *(worker.process.sentinel for worker in self._workers)])
        for worker in list(self._workers):
            if worker.ready in happened and not worker.was_ready:
                try:
                    worker.ready.recv()
                except EOFError:
                    pass  # it died
                else:
                    worker.was_ready = True
            if worker.process.sentinel in happened and not self._stopping:
                self._replace(worker)

    def _replace(self, worker: _Worker) -> None:
        worker.process.join()
        fields = {"worker": worker.process.pid, "exit_code": worker.process.exitcode}
        log.error("worker died", extra={"fields": fields})
        self._forget(worker)
        if not worker.was_ready:
            self._deaths += 1
            if self._deaths >= self._settings.workers and not any(other.was_ready for other in self._workers):
                raise IntentAdaptersError("No process of the server came up; the log says why.")
            time.sleep(RETRY_SECONDS)
        self._start(worker.place)

    def _forget(self, worker: _Worker) -> None:
        from prometheus_client.multiprocess import mark_process_dead

        self._workers.remove(worker)
        self._shared.tell("", worker.place)
        worker.ready.close()
        mark_process_dead(worker.process.pid)

    def _stop(self) -> None:
        self._listener.close()  # or clients would go on connecting when nobody accepts them any more
        for worker in self._workers:
            worker.process.terminate()
        patience = self._settings.drain_seconds + self._settings.shutdown_seconds + 10
        until = time.monotonic() + patience
        for worker in self._workers:
            worker.process.join(max(0.0, until - time.monotonic()))
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()


def _work(settings: Settings, listener: socket.socket, shared: Shared, place: int, says_ready: Connection) -> None:
    """What a worker does."""
    shared.place = place
    threading.Thread(target=_outlive_no_parent, daemon=True).start()
    try:
        run_process(settings, [listener], shared, lambda _: says_ready.send(True))
    except IntentAdaptersError as error:
        log.error("worker cannot start", extra={"fields": {"problem": str(error)}})
        raise SystemExit(1) from error


def _outlive_no_parent() -> None:
    """Stop when the process that supervises this one is gone."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)
