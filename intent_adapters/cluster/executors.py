"""Where the jobs of `train_agents` are done: here, in processes beside this one, or on Ray.

Each yields what comes of a job as soon as it is there, and ends what runs when it is closed. Whichever does a job, it
comes to the same adapter, to the bit: a job computes with one thread and knows nothing of the others.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeAlias

from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.cluster.ray_connection import connect
from intent_adapters.extras import need
from intent_adapters.model import IntentModel
from intent_adapters.training_process.job import Failed, Job, Trained, do
from intent_adapters.training_process.process import REQUEST_NAME, RESULTS, TrainingProcess

Outcomes: TypeAlias = Generator[tuple[str, Trained | Failed], None, None]

# How often a job is begun whose process, or machine, dies.
ATTEMPTS = 3
POLL_SECONDS = 0.05
# So that a worker of Ray that is done finds the next job there.
IN_FLIGHT_PER_CPU = 2


@dataclasses.dataclass(frozen=True)
class Workers:
    """Who does the jobs.

    Attributes:
        model: The base, here.
        base: Hub id or folder of it, for others.
        count: How many jobs are done at the same time; None: as many as there are processors.
        address: Of a Ray cluster, as for `ray.init`.
        runtime_env: What Ray's workers need, as for `ray.init`.
    """

    model: IntentModel
    base: str
    count: int | None = None
    address: str | None = None
    runtime_env: Mapping[str, Any] | None = None


def here(jobs: Sequence[Job], workers: Workers) -> Outcomes:
    """One after the other, in this process."""
    for job in jobs:
        yield job.agent, do(job, lambda: workers.model)


def in_processes(jobs: Sequence[Job], workers: Workers) -> Outcomes:
    """In processes of this machine, each with the base."""
    waiting = iter(jobs)
    with ExitStack() as stack:
        scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="intent-adapters-"))
        start = functools.partial(TrainingProcess, workers.base, revision=workers.model.base_revision, device="cpu")
        count = min(workers.count or os.cpu_count() or 1, len(jobs))
        own = [_Worker(start, Path(scratch, str(number))) for number in range(count)]
        for worker in own:
            stack.callback(worker.end)
        while True:
            for worker in own:
                if worker.job is None and (job := next(waiting, None)):
                    worker.begin(job)
            if not any(worker.job for worker in own):
                return
            over = [outcome for worker in own if (outcome := worker.look())]
            yield from over
            if not over:
                time.sleep(POLL_SECONDS)


class _Worker:
    """Does one job at a time, in a process that is replaced if it dies.

    Args:
        start: Starts a process.
        folder: For what it is told and what it makes.

    Attributes:
        job: What it does.
    """

    def __init__(self, start: Callable[[], TrainingProcess], folder: Path) -> None:
        self._start = start
        self._folder = folder
        self._process: TrainingProcess | None = None
        self._attempts = 0
        self._warnings: list[str] = []
        self.job: Job | None = None

    def begin(self, job: Job) -> None:
        """Have a job done."""
        self.job, self._attempts, self._warnings = job, 0, []
        self._folder.mkdir()
        (self._folder / REQUEST_NAME).write_text(json.dumps(dataclasses.asdict(job)), encoding="utf-8")
        self._order()

    def _order(self) -> None:
        self._attempts += 1
        shutil.rmtree(self._folder / RESULTS, ignore_errors=True)
        self._process = self._process or self._start()
        self._process.order(self._folder)

    def look(self) -> tuple[str, Trained | Failed] | None:
        """What came of the job, once it is over."""
        if self.job is None or (done := self._hear()) is None:
            return None
        agent, self.job = self.job.agent, None
        shutil.rmtree(self._folder)
        return agent, done

    def _hear(self) -> Trained | Failed | None:
        assert self._process
        while said := self._process.hear(0):
            event = said.pop("event")
            if event == "warning":
                self._warnings.append(said["message"])
            elif event == "failed":
                return Failed(**said, warnings=tuple(self._warnings))
            elif event == "ready":
                return Trained(Adapter.read(self._folder / RESULTS / event), **said, warnings=tuple(self._warnings))
        if not (death := self._process.death):
            return None
        self.end()
        if self._attempts == ATTEMPTS:
            return Failed("process_died", f"{death} It was tried {ATTEMPTS} times.")
        self._order()
        return None

    def end(self) -> None:
        """End the process."""
        if self._process:
            self._process.end()
            self._process = None


def on_ray(jobs: Sequence[Job], workers: Workers) -> Outcomes:
    """As plain tasks of Ray with one CPU each; a Ray that this process has begun is used, and left running."""
    ray = need("ray")
    begun = not ray.is_initialized()
    if begun:
        connect(workers.address)
    options = {"runtime_env": dict(workers.runtime_env)} if workers.runtime_env else {}
    task = ray.remote(num_cpus=1, max_retries=ATTEMPTS - 1, **options)(_do_there)
    waiting, running = iter(jobs), dict[Any, Job]()
    try:
        while True:
            # Asked each time: a cluster grows and shrinks.
            count = workers.count or IN_FLIGHT_PER_CPU * int(ray.cluster_resources().get("CPU", 1))
            while len(running) < count and (job := next(waiting, None)):
                running[task.remote(job, workers.base, workers.model.base_revision)] = job
            if not running:
                return
            for reference in ray.wait(list(running))[0]:
                try:
                    done = ray.get(reference)
                except ray.exceptions.RayError as error:
                    done = Failed("process_died", f"Ray gave it up: {error}")
                yield running.pop(reference).agent, done
    finally:
        for reference in running:
            ray.cancel(reference, force=True)
        if begun:
            ray.shutdown()


def _do_there(job: Job, base: str, revision: str | None) -> Trained | Failed:
    return do(job, lambda: _base_there(base, revision, job.fingerprint))


@functools.lru_cache(maxsize=1)
def _base_there(base: str, revision: str | None, fingerprint: str) -> IntentModel:
    """A worker's base; it serves for many jobs. By its fingerprint one is noticed that has been replaced since."""
    return IntentModel.from_pretrained(base, revision=revision, device="cpu", backend="torch")


Executor: TypeAlias = Callable[[Sequence[Job], Workers], Outcomes]
EXECUTORS: Mapping[str, Executor] = {
    "local": here,
    "process": in_processes,
    "ray": on_ray,
}
