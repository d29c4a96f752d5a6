"""One run of the benchmark, from settings to results, by stages in processes of their own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from examples.benchmark.figures import disk_figures, loading_figures, timing_figures
from examples.benchmark.machine import describe_machine
from examples.benchmark.measured_system import Plan
from examples.benchmark.results import FORMAT
from examples.benchmark.systems import SYSTEMS
from intent_adapters.errors import ConfigError, IntentAdaptersError

ROOT = Path(__file__).parents[2]
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "RAYON_NUM_THREADS",  # the tokenizers
)
QUIET = {
    "CUDA_VISIBLE_DEVICES": "",  # what is measured is the CPU
    "HF_HUB_OFFLINE": "1",  # all models are folders
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "PYTHONWARNINGS": "ignore",
}
LAST_WORDS = 2000
PATH = re.compile(r"(?<![\w:/])(?:/[^/\s'\"]+)+/([^/\s'\"]+)")
"""Where a file lies on this machine is nobody else's concern; its name stays."""


@dataclass(frozen=True)
class Settings:
    """What to measure, and how long."""

    base: str  # folder of the small encoder
    large: str | None = None  # folder of the large encoder; None leaves it out
    adapters: Sequence[str] = ()  # folders of our adapters to time in place of random ones
    pythons: Mapping[str, str] = field(default_factory=dict)  # interpreters of the environments of peers, by name
    systems: Sequence[str] = tuple(SYSTEMS)  # which systems, of `SYSTEMS`
    threads: Sequence[int] = (1, 2)  # numbers of threads, one process each
    rounds: int = 10  # how often each system has its turn
    slice_seconds: float = 0.15  # how long a turn goes on, at least one call
    loads: int = 1000  # agents to load at most where loading is measured
    budget_seconds: float = 15.0  # seconds for loading agents into one system
    seed: int = 0  # of the random agents and of the order of turns
    quick: bool = False  # whether it was cut short by `shortened`

    def shortened(self) -> Settings:
        """The same in about a minute: good for seeing that it runs, not for figures."""
        return replace(self, quick=True, rounds=3, slice_seconds=0.03, loads=70, budget_seconds=3.0)

    def check(self) -> None:
        """See that it makes sense.

        Raises:
            ConfigError: It does not.
        """
        for folder in (self.base, self.large, *self.adapters):
            if folder is not None and not Path(folder).is_dir():
                raise ConfigError(f"{folder!r} is no folder: the benchmark works on local folders only.")
        unknown = [name for name in self.systems if name not in SYSTEMS]
        if unknown or not self.systems:
            raise ConfigError(f"systems are {', '.join(SYSTEMS)}; not {', '.join(unknown) or 'none'}.")
        if not self.threads or any(count < 1 for count in self.threads):
            raise ConfigError(f"threads are whole numbers from 1, at least one of them; not {list(self.threads)}.")


class StageError(IntentAdaptersError):
    """A process of the benchmark failed; the message ends with what it said."""


def benchmark(settings: Settings, on_stage: Callable[[str], None] = lambda words: None) -> dict[str, Any]:
    """Measure all systems side by side.

    Files are written and thrown away; times are taken in one process per number of threads, in which the systems
    have their turns round after round in random order; loading and memory in one fresh process per system.

    Args:
        settings: What to measure.
        on_stage: Told in a few words what comes next.

    Returns:
        The results, JSON: see `Results`.

    Raises:
        ConfigError: The settings make no sense, or the base's tokenizer fits no utterance.
        StageError: A process failed as a whole; a single system that fails is in `not_run` instead.
    """
    settings.check()
    with tempfile.TemporaryDirectory(prefix="intent-adapters-benchmark-") as work:
        plan = Plan(
            base=str(Path(settings.base).absolute()),
            work=work,
            large=None if settings.large is None else str(Path(settings.large).absolute()),
            adapters=[str(Path(folder).absolute()) for folder in settings.adapters],
            pythons=dict(settings.pythons),
            seed=settings.seed,
        )
        found = _conditions(settings, plan)
        on_stage("writing the files")
        job = {"plan": asdict(plan), "systems": list(settings.systems), "threads": max(settings.threads)}
        files = run_stage("write_files", job)
        not_run = dict(files["not_run"])
        job["plan"] = asdict(replace(plan, texts=files["texts"], large_texts=files["large_texts"]))
        timings = {}
        for threads in settings.threads:
            on_stage(f"timing with {threads} thread{'s' if threads > 1 else ''}")
            limits = {"rounds": settings.rounds, "slice_seconds": settings.slice_seconds}
            systems = [name for name in settings.systems if name not in not_run]
            timings[threads] = run_stage("timing", {**job, **limits, "systems": systems, "threads": threads})
            not_run |= timings[threads]["not_run"]
            for name, versions in timings[threads]["versions"].items():
                found["systems"][name]["versions"] |= versions
        loads = {}
        for name in settings.systems:
            if name not in files["not_run"] and SYSTEMS[name].most_loads:
                on_stage(f"loading agents: {SYSTEMS[name].title}")
                loads[name] = _load(name, {**job, "threads": min(settings.threads)}, settings)
    return {
        "format": FORMAT,
        **found,
        "not_run": {name: PATH.sub(r"\1", not_run[name]) for name in settings.systems if name in not_run},
        "timings": timing_figures(timings),
        "loading": {name: loading_figures(load) for name, load in loads.items()},
        "disk": disk_figures(files["disk"]),
    }


def _conditions(settings: Settings, plan: Plan) -> dict[str, Any]:
    of_settings = ("quick", "rounds", "slice_seconds", "loads", "budget_seconds")
    return {
        "machine": describe_machine(),
        "settings": {
            "base": Path(plan.base).name,
            "large": None if plan.large is None else Path(plan.large).name,
            "agents_are": f"{len(plan.adapters)} given ones, in turn" if plan.adapters else "random",
            **{name: getattr(plan, name) for name in ("tokens", "batch", "agents", "labels", "seed")},
            **{name: getattr(settings, name) for name in of_settings},
            "threads": list(settings.threads),
            "peers": sorted(plan.pythons),
            "cases": [case.name for case in plan.cases],
        },
        "systems": {
            name: {**{fact: getattr(SYSTEMS[name], fact) for fact in ("title", "reference", "note")}, "versions": {}}
            for name in settings.systems
        },
    }


def _load(name: str, job: dict[str, Any], settings: Settings) -> dict[str, Any]:
    limits = {"loads": settings.loads, "budget_seconds": settings.budget_seconds}
    try:
        return run_stage("loading", {**job, **limits, "systems": [name]})
    except StageError as error:
        return {"not_run": {name: PATH.sub(r"\1", str(error))}}


def run_stage(stage: str, job: dict[str, Any]) -> dict[str, Any]:
    """Run a function of `stages` in a fresh interpreter, with `job["threads"]` threads.

    Raises:
        StageError: The process failed.
    """
    environment = {**os.environ, **QUIET, **dict.fromkeys(THREAD_VARIABLES, str(job["threads"]))}
    environment["TOKENIZERS_PARALLELISM"] = "false" if job["threads"] == 1 else "true"
    with tempfile.TemporaryDirectory() as folder:
        job_file, result_file = Path(folder, "job.json"), Path(folder, "result.json")
        job_file.write_text(json.dumps(job), encoding="utf-8")
        command = [sys.executable, "-m", "examples.benchmark.stages", stage, str(job_file), str(result_file)]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
        if done.returncode != 0 or not result_file.exists():
            said = done.stderr.decode("utf-8", "replace")[-LAST_WORDS:].strip()
            raise StageError(f"The stage {stage!r} of the benchmark ended with code {done.returncode}: {said}")
        return dict(json.loads(result_file.read_text(encoding="utf-8")))
