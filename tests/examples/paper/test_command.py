from __future__ import annotations

from functools import partial

import pytest
from click.testing import Result
from typer.testing import CliRunner

from examples.paper import __main__ as command
from examples.paper.results import Results
from tests.support.short_trainings import short_trainings

__all__ = ["short_trainings"]

NAMES = "distilled-se,distilled-se-metric,distilled-plm"


def run(*arguments: object) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(command.app, [str(argument) for argument in arguments])


@pytest.fixture
def arguments(track_file, data, tokenizer, tmp_path):
    return (
        *("--track", track_file, "--data", data, "--work", tmp_path / "work", "--device", "cpu"),
        *("--model", f"small-tokenizer={tokenizer}"),
    )


@pytest.mark.usefixtures("short_trainings")
def test_a_track_from_scratch_to_results_and_a_page(arguments, tmp_path):
    results, page = tmp_path / "results.json", tmp_path / "page.md"
    done = run("table2", *arguments, "--rows", NAMES, "--results", results)
    assert done.exit_code == 0, done.output
    assert "encoder distilled-se" in done.stderr
    assert "Distilled SE + metric, clinic, repetition 1" in done.stderr
    assert "94.46" in done.stdout
    again = run("table2", *arguments, "--rows", NAMES, "--results", results)
    assert "repetition 1" not in again.stderr

    page.write_text("# Page\n\n<!-- table2 of small -->\n<!-- end -->\n", encoding="utf-8")
    shown = run("table2", "--from", results, "--page", page)
    assert shown.exit_code == 0, shown.output
    found = Results.read(results).accuracy("clinic", "distilled-se")
    assert len(found.values) == 2
    assert f"{100 * found.mean:.2f}" in page.read_text(encoding="utf-8")


def test_finished_trains_nothing(arguments, tmp_path):
    rows = ("--rows", "distilled-se-probe")
    assert run("table3", *arguments, *rows, "--repetitions", "1").exit_code == 0
    results = tmp_path / "results.json"
    done = run("table3", *arguments, *rows, "--finished", "--results", results)
    assert done.exit_code == 0, done.output
    assert "encoder" not in done.stderr
    assert len(Results.read(results).accuracy("clinic", "distilled-se-probe").values) == 1


def test_sizes_and_times_with_pictures(arguments, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(command, "measure_response", partial(command.measure_response, rounds=2))
    pictures = tmp_path / "pictures"
    done = run("figure2", *arguments, "--plots", pictures)
    assert done.exit_code == 0, done.output
    assert "one sentence, ms, 1 thread" in done.stdout
    assert sorted(file.name for file in pictures.iterdir()) == ["small-figure2.png", "small-table4.png"]


def test_wrong_names_are_told_the_right_ones(arguments):
    done = run("table2", *arguments, "--rows", "huge")
    assert done.exit_code == 1
    assert "'huge'" in str(done.exception)
    assert "NAME=FOLDER" in run("table2", *arguments, "--model", "nothing").output
    assert "english" in str(run("table2", "--track", "german").exception)
