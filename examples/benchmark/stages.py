"""The stages of a run. Each runs in a fresh process: `python -m examples.benchmark.stages STAGE JOB RESULT`.

JOB and RESULT are JSON files. Threads are set by the environment before anything is imported, see `run.run_stage`.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer

from examples.benchmark.measured_system import Case, MeasuredSystem, Plan
from examples.benchmark.systems import SYSTEMS
from examples.benchmark.utterances import fit, utterances
from examples.benchmark.workers.measuring import NotMeasurable

LONG_SECONDS = 0.1
"""A call that takes longer is not warmed up in each round: it would make no difference, and cost as much again."""
SLOW_SECONDS = 1.0
"""A call that takes longer is timed in `SLOW_ROUNDS` rounds only."""
SLOW_ROUNDS = 3
SETTLE_SECONDS = 0.005
"""Pause before each turn: threads of the system before it may still be spinning for work."""


def write_files(job: dict[str, Any]) -> dict[str, Any]:
    """Fits the texts and lets every system save its files.

    Returns:
        `texts` and `large_texts`; `disk` by system; `not_run`: reasons by system.
    """
    plan = Plan(**job["plan"])
    texts, large_texts = (
        [] if folder is None else fit(utterances(), AutoTokenizer.from_pretrained(folder), plan.tokens)
        for folder in (plan.base, plan.large)
    )
    plan = replace(plan, texts=texts, large_texts=large_texts)
    disk: dict[str, Any] = {}
    not_run: dict[str, str] = {}
    for name in job["systems"]:
        with _system(name, plan, not_run) as system:
            written = system.write_files()
            disk[name] = asdict(written) if written is not None else None
    return {"texts": texts, "large_texts": large_texts, "disk": disk, "not_run": not_run}


def timing(job: dict[str, Any]) -> dict[str, Any]:
    """Times all systems in turn, round after round, each round in another order.

    Returns:
        `rounds`: for every system and case, the seconds of the calls of each round it was timed in, by round;
        `references`: the same of the bare encoder inside peers' processes; `versions`; `not_run`.
    """
    plan = Plan(**job["plan"])
    not_run: dict[str, str] = {}
    turns: list[Turn] = []
    found: dict[str, Any] = {"rounds": {}, "references": {}, "versions": {}, "not_run": not_run}
    with ExitStack() as until_the_end:
        for name in job["systems"]:
            with _system(name, plan, not_run, until_the_end) as system:
                system.prepare()
                turns += _turns(system)
                found["versions"][name] = system.versions()
        order = random.Random(plan.seed)
        for number in range(job["rounds"]):
            order.shuffle(turns)
            for turn in turns:
                turn.take(number, job["rounds"], job["slice_seconds"])
    for turn in turns:
        kind = "references" if turn.of_reference else "rounds"
        found[kind].setdefault(turn.system.name, {})[turn.case.name] = turn.seconds
    return found


def loading(job: dict[str, Any]) -> dict[str, Any]:
    """Loads agents into one system.

    Returns:
        What `measure_loading` returns, or `not_run`.
    """
    not_run: dict[str, str] = {}
    with _system(job["systems"][0], Plan(**job["plan"]), not_run) as system:
        return system.loading(job["loads"], job["budget_seconds"])
    return {"not_run": not_run}


class Turn:
    """One system and one case, waiting for their turn in each round."""

    def __init__(self, system: MeasuredSystem, case: Case, *, of_reference: bool) -> None:
        self.system = system
        self.case = case
        self.of_reference = of_reference
        self.seconds: dict[int, list[float]] = {}
        # The first call may set things up, the second is as long as the next ones will be.
        estimate = self._measure(0)
        if estimate is not None and estimate[0] < SLOW_SECONDS:
            estimate = self._measure(0)
        self.exists = estimate is not None
        self._estimate = estimate[0] if estimate is not None else 0.0

    def take(self, number: int, rounds: int, slice_seconds: float) -> None:
        """Times the system in this round, if it takes part in it."""
        if self._estimate > SLOW_SECONDS and number % max(1, rounds // SLOW_ROUNDS):
            return
        time.sleep(SETTLE_SECONDS)
        if self._estimate < LONG_SECONDS:
            self._measure(0)
        self.seconds[number] = self._measure(slice_seconds) or []

    def _measure(self, slice_seconds: float) -> list[float] | None:
        measure = self.system.reference_seconds if self.of_reference else self.system.seconds
        return measure(self.case, slice_seconds)


def _turns(system: MeasuredSystem) -> list[Turn]:
    turns = [Turn(system, case, of_reference=False) for case in system.cases()]
    turns += [Turn(system, case, of_reference=True) for case in system.cases() if case.agents == 1]
    return [turn for turn in turns if turn.exists]


@contextmanager
def _system(
    name: str, plan: Plan, not_run: dict[str, str], until: ExitStack | None = None
) -> Iterator[MeasuredSystem]:
    """A system, closed at once or later; what goes wrong in the block is the reason why it is not run."""
    with ExitStack() as now:
        system = SYSTEMS[name](plan)
        (until or now).callback(system.close)
        try:
            yield system
        except NotMeasurable as error:
            not_run[name] = str(error)
        except Exception as error:
            not_run[name] = f"failed: {type(error).__name__}: {error}"


STAGES = {"write_files": write_files, "timing": timing, "loading": loading}


def main(stage: str, job_file: str, result_file: str) -> None:
    """Runs one stage."""
    job = json.loads(Path(job_file).read_text(encoding="utf-8"))
    torch.set_num_threads(job["threads"])
    torch.set_num_interop_threads(1)
    result = STAGES[stage](job)
    Path(result_file).write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
