"""Trainings that were asked for, in files that every process of the server reads.

A job is a folder: `request.json` is what was asked for, until it is over; `events.jsonl` has a line for all that
happened; a file `cancel` says that it is to end.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from intent_adapters.artifacts.folders import sole_writer
from intent_adapters.errors import RequestError
from intent_adapters.training_process.process import REQUEST_NAME, RESULTS

EVENTS_NAME = "events.jsonl"
JOB_ID = re.compile("[0-9a-f]{24}", re.ASCII)
FINAL = {"ready": "ready", "failed": "failed", "cancelled": "cancelled"}
STATES = {"queued": "queued", "started": "running", **FINAL}
# How many jobs that are over are remembered.
REMEMBERED = 100

Event = dict[str, Any]


class Jobs:
    """The jobs in a folder.

    Args:
        folder: Made when the first job comes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def submit(self, request: dict[str, Any], limit: int) -> str:
        """Take a job in.

        Args:
            request: What is to be done; it has the `agent`.
            limit: How many jobs may wait or run.

        Returns:
            Its id.

        Raises:
            RequestError: There are so many already.
            OSError: The folder cannot be written.
        """
        job = f"{time.time_ns():016x}{secrets.token_hex(4)}"
        self.folder.mkdir(parents=True, exist_ok=True)
        with sole_writer(self.folder / job):
            known = self.all()
            over = [other for other, events in known.items() if is_over(events)]
            if len(known) - len(over) >= limit:
                message = f"{limit} trainings wait or run already: try again later."
                raise RequestError(429, "too_many_trainings", message, {"Retry-After": "10"})
            # Folders that begin with a dot were left by a server that was killed.
            for folder in [*(self.folder / other for other in over[:-REMEMBERED]), *self.folder.glob(".?*/")]:
                shutil.rmtree(folder, ignore_errors=True)
            staging = self.folder / f".{job}"
            staging.mkdir()
            (staging / REQUEST_NAME).write_text(json.dumps(request, ensure_ascii=False), encoding="utf-8")
            (staging / EVENTS_NAME).write_text(_line("queued", agent=request["agent"]), encoding="utf-8")
            staging.rename(self.folder / job)
        return job

    def all(self) -> dict[str, list[Event]]:
        """The events of all jobs, in the order in which these came."""
        names = sorted(path.name for path in self.folder.glob("*/") if JOB_ID.fullmatch(path.name))
        found = {job: self._events(job) for job in names}
        return {job: events for job, events in found.items() if events}

    def request(self, job: str) -> dict[str, Any]:
        """What is to be done."""
        found: dict[str, Any] = json.loads((self.folder / job / REQUEST_NAME).read_text(encoding="utf-8"))
        return found

    def note(self, job: str, event: str, **fields: object) -> None:
        """Note that something happened; in the end the request, which has users' words in it, goes."""
        with (self.folder / job / EVENTS_NAME).open("ab") as file:
            file.write(_line(event, **fields).encode())
        if event in FINAL:
            (self.folder / job / REQUEST_NAME).unlink(missing_ok=True)
            shutil.rmtree(self.folder / job / RESULTS, ignore_errors=True)

    def events(self, job: str) -> list[Event]:
        """All that happened to a job.

        Raises:
            RequestError: There is no such job.
        """
        if not JOB_ID.fullmatch(job) or not (events := self._events(job)):
            raise unknown_job()
        return events

    def _events(self, job: str) -> list[Event]:
        try:
            lines = (self.folder / job / EVENTS_NAME).read_bytes().splitlines()
        except OSError:
            return []
        events = []
        for line in lines:
            with suppress(ValueError):  # one that is being written, or that a full disk cut off
                events.append(json.loads(line))
        return events

    def cancel(self, job: str) -> None:
        """Ask that a job end; one that is over stays as it is."""
        (self.folder / job / "cancel").touch()

    def is_cancelled(self, job: str) -> bool:
        """Whether somebody asked that a job end."""
        return (self.folder / job / "cancel").exists()


def _line(event: str, **fields: object) -> str:
    return json.dumps({"event": event, "time": round(time.time(), 3), **fields}) + "\n"


def unknown_job() -> RequestError:
    """The same for a job that is not there and for one of an agent that the token may not train."""
    return RequestError(404, "unknown_job", "There is no such training.")


def is_over(events: Sequence[Event]) -> bool:
    """Whether nothing more will happen."""
    return events[-1]["event"] in FINAL


def summary(job: str, events: Sequence[Event]) -> dict[str, Any]:
    """Where a job stands."""
    last = {event["event"]: event for event in events}
    state = [STATES[event["event"]] for event in events if event["event"] in STATES][-1]
    progress = last.get("progress")
    published = last.get("ready") or last.get("probe_ready") or {}
    return {
        "job": job,
        "agent": events[0]["agent"],
        "state": state,
        "progress": progress and {name: progress[name] for name in ("doing", "step", "steps")},
        "version": published.get("version"),
        "method": published.get("method"),
        "accuracy": published.get("accuracy"),
        "warnings": [event["message"] for event in events if event["event"] == "warning"],
        "error": last["failed"]["error"] if "failed" in last else None,
        "created": events[0]["time"],
        "finished": events[-1]["time"] if is_over(events) else None,
    }
