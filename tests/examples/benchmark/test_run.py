from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from examples.benchmark import run as module
from examples.benchmark.results import Results
from examples.benchmark.run import Settings, StageError, benchmark
from examples.benchmark.tables import not_run_table

SYSTEMS = ("bare-torch", "ours-torch", "setfit")


def run_stage(stage: str, job: dict[str, Any]) -> dict[str, Any]:
    """Stands for the processes of the stages."""
    if stage == "write_files":
        disk = {"bare-torch": None, "ours-torch": {"base_bytes": 10, "agent_bytes": 2}}
        not_run = {"setfit": "no file '/home/me/models/a.bin': see https://example.org/a/b"}
        return {"texts": [], "large_texts": [], "disk": disk, "not_run": not_run}
    if stage == "timing":
        assert job["systems"] == ["bare-torch", "ours-torch"]
        rounds = {name: {"one": {"0": [0.001 * job["threads"]]}} for name in job["systems"]}
        versions = {name: {} for name in job["systems"]}
        return {"rounds": rounds, "references": {}, "versions": versions, "not_run": {}}
    raise StageError("killed while reading /home/me/agents/a.json")


def test_what_fails_is_listed_beside_what_was_measured(monkeypatch: pytest.MonkeyPatch, base: Path):
    monkeypatch.setattr(module, "run_stage", run_stage)
    results = Results(benchmark(Settings(base=str(base), systems=SYSTEMS)))
    assert [results.milliseconds(threads, "ours-torch", "one")["median"] for threads in (1, 2)] == [1.0, 2.0]
    assert results.values["disk"]["ours-torch"]["totals"]["100"] == 210
    # Nobody needs to know where things lie here.
    assert not_run_table(results).rows == [
        ("SetFit, one copy per agent", "no file 'a.bin': see https://example.org/a/b"),
        ("ours, PyTorch: loading", "killed while reading a.json"),
    ]
