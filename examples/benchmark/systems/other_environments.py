"""A peer in an environment of its own: we ask, its worker process answers (see `workers.loop`)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar

from examples.benchmark.measured_system import Case, Disk, MeasuredSystem, Plan
from examples.benchmark.workers.measuring import NotMeasurable

CODE = Path(__file__).parents[1] / "workers"
PACKAGE = "intent_adapters_workers"


class WorkerError(RuntimeError):
    """A worker failed or said something that is no reply."""


class Worker:
    """A worker process.

    Args:
        python: The interpreter of the peer's environment.
        module: The worker's file in `benchmark/workers`, without `.py`.
        code: The folder of the workers' files.
    """

    def __init__(self, python: str, module: str, code: Path = CODE) -> None:
        self._copy = tempfile.TemporaryDirectory()
        # Nothing of ours but this folder may be importable in there, least of all in place of a peer's own modules.
        shutil.copytree(code, Path(self._copy.name, PACKAGE), ignore=shutil.ignore_patterns("__pycache__"))
        environment = {**os.environ, "PYTHONPATH": self._copy.name, "PYTHONSAFEPATH": "1"}
        # The worker shares our standard error: what its libraries print lands with what ours print.
        self._process = subprocess.Popen(
            [python, "-m", f"{PACKAGE}.loop", module],
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
            NotMeasurable: The worker says so.
            WorkerError: It failed, ended, or sent something else than a reply.
        """
        requests, replies = self._process.stdin, self._process.stdout
        try:
            requests.write(json.dumps({"call": call, "arguments": arguments}) + "\n")
            requests.flush()
            line = replies.readline()
            reply = json.loads(line)
        except (BrokenPipeError, ValueError) as error:
            raise WorkerError(f"The worker did not answer {call!r}: {error}") from error
        if "unavailable" in reply:
            raise NotMeasurable(reply["unavailable"])
        if "error" in reply:
            raise WorkerError(f"its worker failed in {call!r}: {reply['error']}")
        return reply["result"]

    def close(self) -> None:
        """Let it end; end it if it does not."""
        self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._copy.cleanup()


class WorkerSystem(MeasuredSystem):
    """A system that lives in a worker. It times itself, so that talking to it costs its figures nothing."""

    most_loads = 1000
    module: ClassVar[str]
    install: ClassVar[str]

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._worker: Worker | None = None
        self._versions: dict[str, str] = {}

    def ask(self, call: str, **arguments: Any) -> Any:
        """Call a method of the peer, whose process is started when it is first asked; see `Worker.ask`."""
        if self._worker is None:
            python = self.plan.pythons.get(self.name)
            if python is None:
                raise NotMeasurable(
                    f"needs an environment of its own ({self.install}): pass --peer {self.name}=ITS_PYTHON"
                )
            try:
                self._worker = Worker(python, self.module)
            except OSError as error:
                raise NotMeasurable(f"{python} cannot be started: {error}") from error
        return self._worker.ask(call, **arguments)

    def write_files(self) -> Disk:
        return Disk(**self.ask("write_files", plan=asdict(self.plan)))

    def prepare(self) -> None:
        self._versions = self.ask("prepare", plan=asdict(self.plan))["versions"]

    def seconds(self, case: Case, slice_seconds: float) -> list[float]:
        return self._seconds(case, slice_seconds, reference=False)

    def reference_seconds(self, case: Case, slice_seconds: float) -> list[float]:
        return self._seconds(case, slice_seconds, reference=True)

    def _seconds(self, case: Case, slice_seconds: float, *, reference: bool) -> list[float]:
        return list(
            self.ask("seconds", reference=reference, rows=case.rows, agents=case.agents, slice_seconds=slice_seconds)
        )

    def loading(self, most: int, budget_seconds: float) -> dict[str, Any]:
        most = min(most, self.most_loads)
        return dict(self.ask("loading", plan=asdict(self.plan), most=most, budget_seconds=budget_seconds))

    def versions(self) -> dict[str, str]:
        return self._versions

    def close(self) -> None:
        if self._worker is not None:
            self._worker.close()
            self._worker = None


class SetFit(WorkerSystem):
    """SetFit: a fine-tuned sentence encoder and a logistic regression per agent."""

    name = "setfit"
    title = "SetFit, one copy per agent"
    module = "setfit_models"
    install = "pip install setfit 'transformers<5' 'sentence-transformers<6'"
    most_loads = 8
    note = "Random regressions on copies of the base. The bare encoder beside it runs in its own process."


class AdapterHub(WorkerSystem):
    """AdapterHub's `adapters`: Houlsby bottlenecks, rows routed by BatchSplit."""

    name = "adapterhub"
    title = "AdapterHub bottlenecks, BatchSplit"
    module = "adapterhub"
    install = "pip install adapters"
    note = (
        "Houlsby bottlenecks of our size with random weights, and a linear head per agent of our own making. The bare "
        "encoder beside it runs in its own process."
    )
