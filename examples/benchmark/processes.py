"""Running a stage in a process of its own, with its own number of threads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from intent_adapters.errors import IntentAdaptersError

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


class StageError(IntentAdaptersError):
    """A process of the benchmark failed; the message ends with what it said."""


def run_stage(stage: str, job: dict[str, Any]) -> dict[str, Any]:
    """Run a stage of `stages` in a fresh interpreter.

    Args:
        stage: Its name.
        job: What it needs, `threads` among it; JSON.

    Returns:
        What the stage returned.

    Raises:
        StageError: The process failed.
    """
    threads = str(job["threads"])
    environment = {**os.environ, **QUIET, **dict.fromkeys(THREAD_VARIABLES, threads)}
    environment["TOKENIZERS_PARALLELISM"] = "false" if job["threads"] == 1 else "true"
    with tempfile.TemporaryDirectory() as folder:
        job_file, result_file = Path(folder, "job.json"), Path(folder, "result.json")
        job_file.write_text(json.dumps(job), encoding="utf-8")
        command = [sys.executable, "-m", "examples.benchmark.stages", stage, str(job_file), str(result_file)]
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if done.returncode != 0 or not result_file.exists():
            said = done.stderr.decode("utf-8", "replace")[-LAST_WORDS:].strip()
            raise StageError(f"The stage {stage!r} of the benchmark ended with code {done.returncode}: {said}")
        return dict(json.loads(result_file.read_text(encoding="utf-8")))
