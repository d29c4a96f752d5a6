"""A peer in an environment of its own: we ask, its worker process answers (see `workers.loop`)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, Any, ClassVar

from examples.benchmark import workers
from examples.benchmark.protocol import Case, Disk, Plan, System, Unavailable
from intent_adapters.errors import IntentAdaptersError

PACKAGE = "intent_adapters_workers"


class WorkerError(IntentAdaptersError):
    """A worker failed or said something that is no reply."""


class Worker:
    """A worker process.

    Args:
        python: The interpreter of the peer's environment.
        module: The worker's file in `benchmark/workers`, without `.py`.
        code: The folder of the workers' files.
    """

    def __init__(self, python: str, module: str, code: Path = Path(workers.__file__).parent) -> None:
        self._copy = tempfile.TemporaryDirectory()
        # Nothing of ours but this folder may be importable in there, least of all in place of a peer's own modules.
        shutil.copytree(code, Path(self._copy.name, PACKAGE), ignore=shutil.ignore_patterns("__pycache__"))
        environment = {**os.environ, "PYTHONPATH": self._copy.name, "PYTHONSAFEPATH": "1"}
        # The worker shares our standard error: what its libraries print lands with what ours print.
        self._process = subprocess.Popen(
            [python, "-m", f"{PACKAGE}.{module}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=sys.stderr.fileno(),
            env=environment,
            text=True,
            encoding="utf-8",
        )

    def ask(self, call: str, **arguments: Any) -> Any:
        """Call a method of the peer.

        Raises:
            Unavailable: The worker says so.
            WorkerError: It failed, ended, or sent something else than a reply.
        """
        requests, replies = self._pipes()
        try:
            requests.write(json.dumps({"call": call, "arguments": arguments}) + "\n")
            requests.flush()
            line = replies.readline()
            reply = json.loads(line)
        except (BrokenPipeError, ValueError) as error:
            raise WorkerError(f"The worker did not answer {call!r}: {error}") from error
        if "unavailable" in reply:
            raise Unavailable(reply["unavailable"])
        if "error" in reply:
            raise WorkerError(f"its worker failed in {call!r}: {reply['error']}")
        return reply["result"]

    def close(self) -> None:
        """Let it end; end it if it does not."""
        requests, replies = self._pipes()
        requests.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        replies.close()
        self._copy.cleanup()

    def _pipes(self) -> tuple[IO[str], IO[str]]:
        if self._process.stdin is None or self._process.stdout is None:
            raise WorkerError("The worker has no pipes.")
        return self._process.stdin, self._process.stdout


class WorkerSystem(System):
    """A system that lives in a worker. It times itself, so that talking to it costs its figures nothing."""

    most_loads = 1000
    peer: ClassVar[str]
    module: ClassVar[str]
    install: ClassVar[str]

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._worker: Worker | None = None
        self._versions: dict[str, str] = {}

    def worker(self) -> Worker:
        """The process, started when first asked for.

        Raises:
            Unavailable: No interpreter was named, or it cannot be started.
        """
        if self._worker is None:
            python = self.plan.peers.get(self.peer)
            if python is None:
                raise Unavailable(
                    f"needs an environment of its own ({self.install}): pass --peer {self.peer}=/path/to/its/python"
                )
            try:
                self._worker = Worker(python, self.module)
            except OSError as error:
                raise Unavailable(f"{python} cannot be started: {error}") from error
        return self._worker

    def write_files(self) -> Disk:
        """Let the peer save its base and its agents."""
        return Disk(**self.worker().ask("write_files", plan=self.plan.to_dict()))

    def prepare(self) -> None:
        """Let the peer load everything that is timed."""
        self._versions = self.worker().ask("prepare", plan=self.plan.to_dict())["versions"]

    def seconds(self, case: Case, slice_seconds: float) -> list[float]:
        """Timed by the worker."""
        return self._seconds(case, slice_seconds, reference=False)

    def reference_seconds(self, case: Case, slice_seconds: float) -> list[float] | None:
        """The bare encoder in the worker's process, with the worker's versions of PyTorch and transformers."""
        return self._seconds(case, slice_seconds, reference=True)

    def _seconds(self, case: Case, slice_seconds: float, *, reference: bool) -> list[float]:
        agents, rows = case.agents, case.rows
        asked = {"rows": rows, "agents": agents, "slice_seconds": slice_seconds}
        return [float(value) for value in self.worker().ask("seconds", reference=reference, **asked)]

    def loading(self, most: int, budget_seconds: float) -> dict[str, Any]:
        """Measured by the worker."""
        most = min(most, self.most_loads)
        plan = self.plan.to_dict()
        return dict(self.worker().ask("loading", plan=plan, most=most, budget_seconds=budget_seconds))

    def versions(self) -> dict[str, str]:
        """Of the peer's packages."""
        return self._versions

    def close(self) -> None:
        """End the worker."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None


class SetFit(WorkerSystem):
    """SetFit: a fine-tuned sentence encoder and a logistic regression per agent."""

    name = "setfit"
    title = "SetFit, one copy per agent"
    peer = "setfit"
    module = "setfit_peer"
    install = "pip install setfit 'transformers<5' 'sentence-transformers<6'"
    most_loads = 8
    note = "Random regressions on copies of the base. The bare encoder beside it runs in its own process."


class AdapterHub(WorkerSystem):
    """AdapterHub's `adapters`: Houlsby bottlenecks, rows routed by BatchSplit."""

    name = "adapterhub"
    title = "AdapterHub bottlenecks, BatchSplit"
    peer = "adapterhub"
    module = "adapterhub_peer"
    install = "pip install adapters"
    note = (
        "Houlsby bottlenecks of our size with random weights, and a linear head per agent of our own making. The bare "
        "encoder beside it runs in its own process."
    )
