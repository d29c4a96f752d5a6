from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from examples.benchmark import run as module
from examples.benchmark.results import Results
from examples.benchmark.run import Settings, StageError, benchmark
from examples.benchmark.tables import not_run_table

SYSTEMS = ("bare-torch", "ours-torch", "setfit")


class Stages:
    """Stands for the processes of the stages; the first one of a name and number of threads in `fail` fails."""

    def __init__(self, fail: tuple[str, int] | None = None) -> None:
        self.ran: list[tuple[str, int]] = []
        self._fail = fail

    def __call__(self, stage: str, job: dict[str, Any]) -> dict[str, Any]:
        this = (stage, job["threads"])
        if this == self._fail:
            raise StageError("cut off")
        self.ran.append(this)
        if stage == "write_files":
            disk = {"bare-torch": None, "ours-torch": {"base_bytes": 10, "agent_bytes": 2}}
            return {
                "texts": [],
                "large_texts": [],
                "disk": disk,
                "not_run": {"setfit": "no file '/home/me/models/a.bin': see https://example.org/a/b"},
            }
        if stage == "timing":
            assert job["systems"] == ["bare-torch", "ours-torch"]
            rounds = {name: {"one": {"0": [0.001 * job["threads"]]}} for name in job["systems"]}
            versions = {name: {} for name in job["systems"]}
            return {"rounds": rounds, "references": {}, "versions": versions, "not_run": {}}
        return {"seconds": [0.1], "bytes_before": None, "bytes_first": None, "bytes_all": None}


@pytest.fixture
def settings(base: Path) -> Settings:
    return Settings(base=str(base), systems=SYSTEMS)


def run(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, file: Path, fail: tuple[str, int] | None = None
) -> Stages:
    stages = Stages(fail)
    monkeypatch.setattr(module, "run_stage", stages)
    if fail is None:
        assert benchmark(settings, file=file) == json.loads(file.read_text(encoding="utf-8"))
    else:
        with pytest.raises(StageError):
            benchmark(settings, file=file)
    return stages


def test_a_run_that_is_cut_off_leaves_what_it_measured(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path
):
    run(monkeypatch, settings, tmp_path / "run.json", fail=("timing", 2))
    results = Results.read(tmp_path / "run.json")
    assert not results.values["complete"]
    assert results.milliseconds(1, "ours-torch", "one") == {"median": 1.0, "low": 1.0, "high": 1.0}
    assert results.milliseconds(2, "ours-torch", "one") is None
    assert results.values["disk"]["ours-torch"]["totals"]["100"] == 210
    assert [row[0] for row in not_run_table(results).rows] == ["the rest", "SetFit, one copy per agent"]
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_the_same_run_goes_on_where_it_was_cut_off(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path
):
    file = tmp_path / "run.json"
    run(monkeypatch, settings, file, fail=("timing", 2))
    again = run(monkeypatch, settings, file)
    assert again.ran == [("write_files", 2), ("timing", 2), ("loading", 1)]
    results = Results.read(file)
    assert results.values["complete"]
    assert [results.milliseconds(threads, "ours-torch", "one")["median"] for threads in (1, 2)] == [1.0, 2.0]
    assert list(results.values["loading"]) == ["ours-torch"]
    # Nobody needs to know where things lie here.
    assert not_run_table(results).rows == [
        ("SetFit, one copy per agent", "no file 'a.bin': see https://example.org/a/b")
    ]


def test_a_complete_run_is_measured_again(monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path):
    everything = [("write_files", 2), ("timing", 1), ("timing", 2), ("loading", 1)]
    for _ in range(2):
        assert run(monkeypatch, settings, tmp_path / "run.json").ran == everything


def test_another_run_is_not_continued(monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path):
    file = tmp_path / "run.json"
    run(monkeypatch, settings, file, fail=("timing", 2))
    again = run(monkeypatch, replace(settings, rounds=3), file)
    assert ("timing", 1) in again.ran
    assert Results.read(file).settings["rounds"] == 3


@pytest.mark.parametrize("content", ["", "[]", '{"complete": false}', '{"complete": false, "machine": 1}'])
def test_another_file_is_replaced(monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path, content: str):
    file = tmp_path / "run.json"
    file.write_text(content, encoding="utf-8")
    assert ("timing", 1) in run(monkeypatch, settings, file).ran
