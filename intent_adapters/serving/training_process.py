"""The process that trains: it takes orders at its standard input, and says at its standard output what comes of them.

It ends when its input does, so that it outlives no server.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import signal
import sys
import threading
import time
import warnings
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from intent_adapters.errors import (
    AgentError,
    BaseError,
    BaseMismatchError,
    ConfigError,
    DataError,
    IntentAdaptersWarning,
)
from intent_adapters.serving.logs import log_to_stderr

if TYPE_CHECKING:
    from intent_adapters.model import IntentModel
    from intent_adapters.training import TrainingResult

log = logging.getLogger("intent_adapters.serving.training_process")

SECONDS_BETWEEN_STEPS_TOLD = 0.5
# Settings of a probe that is to answer soon: it is not calibrated, which would take several times as long.
OF_PROBE = ("seed", "descriptions", "catch_all")
# What is wrong with what was sent; the messages of other errors may have paths of the server in them.
THEIRS = (DataError, ConfigError, AgentError)


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

    def warn(self, given: list[warnings.WarningMessage]) -> None:
        for message in map(str, (entry.message for entry in given)):
            if message not in self._warnings:
                self._warnings.add(message)
                self.say("warning", message=message)

    def step(self, doing: str, step: int, steps: int) -> None:
        now = time.monotonic()
        if step == steps or now - self._told >= SECONDS_BETWEEN_STEPS_TOLD:
            self._told = now
            self.say("progress", doing=doing, step=step, steps=steps)


def main(base: str) -> None:
    """Do what is ordered until the input ends; an empty order loads what the others need.

    Args:
        base: Hub id or folder of the base to train on.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which ends this
    output = os.dup(1)
    os.dup2(2, 1)  # whatever is printed is no event
    log_to_stderr()
    orders: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_listen, args=(orders,), daemon=True).start()
    model: IntentModel | None = None
    while True:
        order, reporter = json.loads(orders.get()), _Reporter(output)
        if not order:
            with suppress(Exception):  # the next job says what is wrong
                model = model or _load(base)
                _rehearse(model)
            reporter.say("loaded")
            continue
        _stand_back()
        try:
            with warnings.catch_warnings(record=True) as given:
                warnings.simplefilter("always", IntentAdaptersWarning)
                model = model or _load(base)
                _train(model, Path(order["folder"]), order["probe_first"], reporter, given)
        except THEIRS as error:
            reporter.say("failed", code="unusable_data", message=str(error))
        except Exception as error:
            log.error("training failed", exc_info=error)
            mismatch = isinstance(error, BaseMismatchError)
            message = str(error) if mismatch else "The training failed; the server's log says why."
            code = "training_base" if isinstance(error, (BaseError, BaseMismatchError)) else "internal_error"
            reporter.say("failed", code=code, message=message)


def _stand_back() -> None:
    """Let the server go first, and live longest."""
    if sys.platform != "win32":
        os.nice(19)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="utf-8")


def _listen(orders: queue.Queue[str]) -> None:
    for line in sys.stdin:
        orders.put(line)
    os._exit(0)


def _load(base: str) -> IntentModel:
    from intent_adapters.model import IntentModel

    return IntentModel.from_pretrained(base, backend="torch")


def _rehearse(model: IntentModel) -> None:
    """Train once, so that what is imported and built the first time is there."""
    from intent_adapters.training import train_agent

    rows = [{"text": text, "label": text} for text in ("yes", "no")]
    train_agent(model, "rehearsal", rows, method="probe", calibrate=False)
    model.unload_adapter("rehearsal")


def _train(
    model: IntentModel, folder: Path, probe_first: bool, reporter: _Reporter, given: list[warnings.WarningMessage]
) -> None:
    from intent_adapters.training import train_agent

    request = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    if model.fingerprint != request["fingerprint"]:
        raise BaseMismatchError(
            "The base to train on (`train_base`) is not the one that the server answers with: their fingerprints "
            f"are {model.fingerprint[:12]} and {request['fingerprint'][:12]}. Set it to the one that `base` was "
            "exported from."
        )
    agent, settings = request["agent"], request["settings"]
    train = partial(train_agent, model, agent, request["rows"], replace=True, progress=reporter.step)
    method = settings.pop("method", "adapter")
    try:
        if method == "adapter" and probe_first:
            early = {name: value for name, value in settings.items() if name in OF_PROBE}
            _say(train(method="probe", calibrate=False, **early), "probe_ready", folder, reporter, given)
        _say(train(method=method, **settings), "ready", folder, reporter, given)
    finally:
        if agent in model.agents:
            model.unload_adapter(agent)


def _say(
    result: TrainingResult, event: str, folder: Path, reporter: _Reporter, given: list[warnings.WarningMessage]
) -> None:
    """Leave what was trained in a folder, and say so."""
    result.model.adapter(result.agent).write(folder / "results" / event)
    reporter.warn(given)
    reporter.say(
        event,
        method=result.method,
        accuracy=result.accuracies.get(result.method),
        seconds=round(result.seconds, 2),
    )


if __name__ == "__main__":
    main(sys.argv[1])
