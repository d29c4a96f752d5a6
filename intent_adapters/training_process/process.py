"""The process that trains, as seen by whoever started it."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

PROGRAM = "intent_adapters.training_process"
REQUEST_NAME = "request.json"
RESULTS = "results"


class TrainingProcess:
    """A process that trains agents, one after the other. PyTorch is there alone.

    Args:
        base: Hub id or folder of the base to train on.
        revision: Its commit on the Hub.
        device: Where to train; None: the best there is.
        behind: Whether it lets other processes go first, and live longer, as soon as it has a job.
        loaded: Set when it is prepared, or has ended.
    """

    def __init__(
        self,
        base: str,
        *,
        revision: str | None = None,
        device: str | None = None,
        behind: bool = False,
        loaded: threading.Event | None = None,
    ) -> None:
        self._loaded = loaded or threading.Event()
        settings = {"base": base, "revision": revision, "device": device, "behind": behind}
        self._process = subprocess.Popen(
            [sys.executable, "-m", PROGRAM, json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            # Elsewhere the process sees to that itself.
            creationflags=getattr(subprocess, "IDLE_PRIORITY_CLASS", 0) if behind else 0,
        )
        self._said: queue.Queue[dict[str, Any]] = queue.Queue()
        self._listening = threading.Thread(target=self._listen, daemon=True)
        self._listening.start()

    def _listen(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            with suppress(ValueError):  # its death cut it off
                said = json.loads(line)
                if said["event"] == "loaded":
                    self._loaded.set()
                else:
                    self._said.put(said)
        self._loaded.set()  # or nothing will be

    def prepare(self) -> None:
        """Have it load now what it needs for any job."""
        self._order(None)

    def order(self, folder: Path, *, probe_first: bool = False) -> None:
        """Have it do a job.

        Args:
            folder: Has the fields of a `Job` in `request.json`; the adapter will be in `results/ready`.
            probe_first: Whether to train a logistic regression before, uncalibrated, into `results/probe_ready`.
        """
        self._order({"folder": str(folder), "probe_first": probe_first})

    def _order(self, order: dict[str, Any] | None) -> None:
        assert self._process.stdin
        with suppress(OSError):  # it died: its exit code says so
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()

    def hear(self, seconds: float) -> dict[str, Any] | None:
        """What it says within some seconds: an `event` and its fields.

        The events of a job are `progress`, `warning`, `probe_ready` and, the last one, `ready` or `failed`.
        """
        try:
            return self._said.get(timeout=seconds)
        except queue.Empty:
            return None

    @property
    def death(self) -> str | None:
        """How it ended, once all that it said was heard; `None` while it runs."""
        code = self._process.poll() if self._said.empty() and not self._listening.is_alive() else None
        if code is None:
            return None
        why = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return f"The training process {why}: there may be too little memory."

    def end(self) -> None:
        """Kill it: it writes nothing that could be left in halves."""
        self._process.kill()
        self._process.wait()
        self._listening.join()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                with suppress(OSError):
                    pipe.close()
