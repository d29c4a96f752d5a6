"""The process that trains: it takes jobs at its standard input, and says at its standard output what comes of them.

It ends when its input does, so that it outlives nobody whom it works for.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from intent_adapters.training_process.job import Failed, Job, do
from intent_adapters.training_process.process import REQUEST_NAME, RESULTS

if TYPE_CHECKING:
    from intent_adapters.model import IntentModel

SECONDS_BETWEEN_STEPS_TOLD = 0.5
# Settings of a probe that is to answer soon: it is not calibrated, which would take several times as long.
OF_PROBE = ("seed", "descriptions", "catch_all")


class _Reporter:
    """Says what happens to one job.

    Args:
        file: The standard output.
    """

    def __init__(self, file: int) -> None:
        self._file = file
        self._told = 0.0
        self._warnings: set[str] = set()

    def say(self, event: str, **fields: object) -> None:
        content = (json.dumps({"event": event, **fields}) + "\n").encode()
        while content:
            content = content[os.write(self._file, content) :]

    def step(self, doing: str, step: int, steps: int) -> None:
        now = time.monotonic()
        if step == steps or now - self._told >= SECONDS_BETWEEN_STEPS_TOLD:
            self._told = now
            self.say("progress", doing=doing, step=step, steps=steps)

    def warn(self, message: str) -> None:
        if message not in self._warnings:
            self._warnings.add(message)
            self.say("warning", message=message)


def main(base: str, revision: str | None, device: str | None, behind: bool) -> None:
    """Do what is ordered until the input ends; `null` orders that what any job needs be loaded.

    Args:
        base: Hub id or folder of the base to train on.
        revision: Its commit on the Hub.
        device: Where to train; None: the best there is.
        behind: Whether to let other processes go first, and live longer.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever gives the orders
    output = os.dup(1)
    os.dup2(2, 1)  # whatever is printed is no event
    orders: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_listen, args=(orders,), daemon=True).start()

    @functools.cache
    def load() -> IntentModel:
        from intent_adapters.model import IntentModel

        return IntentModel.from_pretrained(base, revision=revision, device=device, backend="torch")

    while True:
        order, reporter = json.loads(orders.get()), _Reporter(output)
        if order is None:
            with suppress(Exception):  # the next job says what is wrong
                _rehearse(load())
            reporter.say("loaded")
            continue
        if behind:
            _stand_back()
        folder = Path(order["folder"])
        job = Job(**json.loads((folder / REQUEST_NAME).read_text(encoding="utf-8")))
        if order["probe_first"] and job.settings.get("method", "adapter") == "adapter":
            early = {name: value for name, value in job.settings.items() if name in OF_PROBE}
            probe = dataclasses.replace(job, settings={**early, "method": "probe", "calibrate": False})
            if not _do(probe, load, "probe_ready", folder, reporter):
                continue
        _do(job, load, "ready", folder, reporter)


def _stand_back() -> None:
    if sys.platform != "win32":  # there it is started so
        os.nice(19)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="utf-8")


def _rehearse(model: IntentModel) -> None:
    """Train once, so that what is imported and built the first time is there."""
    from intent_adapters.training import train_agent

    rows = [{"text": text, "label": text} for text in ("yes", "no")]
    train_agent(model, "rehearsal", rows, method="probe", calibrate=False)
    model.unload_adapter("rehearsal")


def _listen(orders: queue.Queue[str]) -> None:
    for line in sys.stdin:
        orders.put(line)
    os._exit(0)


def _do(job: Job, load: Callable[[], IntentModel], event: str, folder: Path, reporter: _Reporter) -> bool:
    """Leave what was trained in a folder, and say so; or say why there is nothing."""
    done = do(job, load, reporter.step)
    for message in done.warnings:
        reporter.warn(message)
    if isinstance(done, Failed):
        reporter.say("failed", code=done.code, message=done.message, traceback=done.traceback)
        return False
    done.adapter.write(folder / RESULTS / event)
    reporter.say(event, method=done.method, accuracy=done.accuracy, seconds=round(done.seconds, 2))
    return True


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
