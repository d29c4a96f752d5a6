"""Has jobs done, one after the other, by a process of its own, and publishes what comes of them.

PyTorch is in that process alone. It has the lowest priority, and it writes nothing into the folder of agents: what it
made is read and checked here, and written in one step.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from intent_adapters.artifacts.adapter import Adapter, in_place_of
from intent_adapters.artifacts.agents_folder import OWN_FOLDER
from intent_adapters.artifacts.contents import CONFIG_NAME
from intent_adapters.errors import IntentAdaptersError
from intent_adapters.extras import is_installed, missing
from intent_adapters.hub.cards.saving import save_with_card
from intent_adapters.serving.agents import place_of
from intent_adapters.serving.jobs import Jobs, is_over
from intent_adapters.serving.settings import Settings
from intent_adapters.training_process.process import RESULTS, TrainingProcess

log = logging.getLogger(__name__)

NEEDED = ("datasets", "sklearn", "torch", "peft", "sentence_transformers")
# How often to look for jobs, and whether the one that runs is to end.
POLL_SECONDS = 0.2
# How long the process waits for another job before its memory is given back.
IDLE_SECONDS = 60.0


def jobs_of(settings: Settings) -> Jobs:
    """The jobs of a server."""
    return Jobs(settings.agents.absolute() / OWN_FOLDER / "jobs")


@contextmanager
def training(settings: Settings) -> Iterator[threading.Event]:
    """Have jobs done as long as the block runs, if the server has a base to train on.

    Yields:
        Set once nothing is left to load that is to be in memory before the first job.

    Raises:
        MissingExtraError: Something that training needs is not installed.
    """
    loaded = threading.Event()
    if not settings.train_warm:
        loaded.set()
    if settings.train_base is None:
        yield loaded
        return
    for module in NEEDED:
        if not is_installed(module):
            raise missing(ModuleNotFoundError(name=module))
    trainer = Trainer(settings, settings.train_base, loaded)
    thread = threading.Thread(target=trainer.run, name="intent-adapters-trainer", daemon=True)
    thread.start()
    try:
        yield loaded
    finally:
        trainer.stopping.set()
        thread.join()


class _Failure(Exception):
    """Why a job ends."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class _Cancelled(Exception):
    """Somebody asked that a job end."""


class Trainer:
    """Does the jobs of a server; of several servers of one folder, one does.

    Args:
        settings: Of the server.
        base: What is trained on.
        loaded: Set when a process that is kept ready is.

    Attributes:
        stopping: Set when the server ends.
    """

    def __init__(self, settings: Settings, base: str, loaded: threading.Event) -> None:
        self._settings = settings
        self._loaded = loaded
        self._agents = settings.agents.absolute()
        self._base = base
        self._jobs = jobs_of(settings)
        self._process: TrainingProcess | None = None
        self.stopping = threading.Event()

    def run(self) -> None:
        """Do jobs until the server ends."""
        while not self.stopping.is_set():
            try:
                self._jobs.folder.mkdir(parents=True, exist_ok=True)
                with FileLock(self._jobs.folder / ".lock", timeout=0):
                    self._give_up_what_was_left()
                    self._work()
            except Timeout:
                self.stopping.wait(1)  # another server does it
            except Exception as error:
                log.error("training does not work", exc_info=error)
                self.stopping.wait(5)
            finally:
                self._end_process()

    def _give_up_what_was_left(self) -> None:
        """A server that was killed left jobs that will not go on."""
        for job, events in self._jobs.all().items():
            if not is_over(events) and any(event["event"] == "started" for event in events):
                error = {"code": "server_stopped", "message": "The server ended while the agent was trained."}
                self._jobs.note(job, "failed", error=error)

    def _work(self) -> None:
        idle_since = time.monotonic()
        while not self.stopping.is_set():
            if self._settings.train_warm and self._process is None:
                self._running().prepare()
            waiting = [job for job, events in self._jobs.all().items() if not is_over(events)]
            cancelled = [job for job in waiting if self._jobs.is_cancelled(job)]
            for job in cancelled:
                self._jobs.note(job, "cancelled")
            if cancelled:
                continue
            if waiting:
                self._do(waiting[0])
                idle_since = time.monotonic()
            else:
                if not self._settings.train_warm and time.monotonic() - idle_since > IDLE_SECONDS:
                    self._end_process()
                self.stopping.wait(POLL_SECONDS)

    def _do(self, job: str) -> None:
        log.info("training", extra={"fields": {"job": job}})
        self._jobs.note(job, "started")
        try:
            self._train(job, self._jobs.request(job)["agent"])
        except _Cancelled:
            self._end_process()
            self._jobs.note(job, "cancelled")
        except _Failure as failure:
            self._jobs.note(job, "failed", error={"code": failure.code, "message": str(failure)})
        except (IntentAdaptersError, OSError) as error:
            log.error("training failed", exc_info=error, extra={"fields": {"job": job}})
            message = "What was trained cannot be written; the server's log says why."
            self._jobs.note(job, "failed", error={"code": "not_written", "message": message})
        log.info("training over", extra={"fields": {"job": job}})

    def _train(self, job: str, agent: str) -> None:
        target = place_of(self._agents, agent)
        process = self._running()
        process.order(self._jobs.folder / job, probe_first=not (target / CONFIG_NAME).exists())
        until = time.monotonic() + self._settings.train_seconds
        while True:
            said = process.hear(POLL_SECONDS)
            if self._jobs.is_cancelled(job):
                raise _Cancelled
            if self.stopping.is_set():
                self._end_process()
                raise _Failure("server_stopped", "The server ended while the agent was trained.")
            if said is None and (death := process.death):
                self._process = None
                raise _Failure("training_process_died", death)
            if time.monotonic() > until:
                self._end_process()
                seconds = f"{self._settings.train_seconds:g}"
                raise _Failure("too_slow", f"The training took longer than {seconds} seconds: send fewer rows.")
            if said is not None and self._take(job, said, target) == "ready":
                return

    def _running(self) -> TrainingProcess:
        """The process that trains; another one if it has ended."""
        if self._process is None or self._process.death:
            self._process = TrainingProcess(self._base, behind=True, loaded=self._loaded)
        return self._process

    def _take(self, job: str, said: dict[str, Any], target: Path) -> str:
        """Note what the process says, and publish what it made; gives which event it was."""
        event: str = said.pop("event")
        if event == "failed":
            code, message = said["code"], said["message"]
            if code == "other_base":
                cure = "Set it to the one that `base` was exported from."
                raise _Failure(
                    "training_base", f"`train_base` is not the base that the server answers with. {message} {cure}"
                )
            if code != "unusable_data":
                # Its message may have paths of the server in it.
                log.error("training failed", extra={"fields": {"job": job, "traceback": said["traceback"]}})
                message = "The training failed; the server's log says why."
            raise _Failure(code, message)
        if event in ("probe_ready", "ready"):
            adapter = in_place_of(
                Adapter.read(self._jobs.folder / job / RESULTS / event),
                target,
                lambda message: self._jobs.note(job, "warning", message=message),
            )
            save_with_card(adapter, target)
            said["version"] = adapter.version
        self._jobs.note(job, event, **said)
        return event

    def _end_process(self) -> None:
        if self._process is not None:
            self._process.end()
            self._process = None
