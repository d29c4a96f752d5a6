from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from examples.benchmark import run as benchmark_run
from examples.benchmark.__main__ import app
from examples.benchmark.page import KEPT, KEPT_BEFORE
from examples.benchmark.stages import STAGES

SYSTEMS = "bare-torch,ours-torch,setfit"
PNG = b"\x89PNG\r\n\x1a\n"


def run(*arguments: object) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, [*map(str, arguments)])


@pytest.fixture(scope="module")
def measured(base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    folder = tmp_path_factory.mktemp("run")
    run_stage = benchmark_run.run_stage

    def stage(name: str, job: dict[str, Any]) -> dict[str, Any]:
        """Only the last in a process of its own, since each takes seconds to start."""
        return run_stage(name, job) if name == "loading" else json.loads(json.dumps(STAGES[name](job)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(benchmark_run, "run_stage", stage)
        result = run(
            *("--base", base, "--systems", SYSTEMS, "--threads", "1", "--quick"),
            *("--json", folder / "results.json", "--plots", folder / "pictures"),
        )
    assert result.exit_code == 0, result.output + str(result.exception)
    return folder, result


def test_json_has_every_system_every_case_and_the_machine(measured: tuple[Path, Result]):
    values = json.loads((measured[0] / "results.json").read_text(encoding="utf-8"))
    assert values["format"] == 1
    assert values["settings"]["base"] == "tiny"
    assert values["machine"]["cores"] >= 1
    assert values["machine"]["versions"]["torch"]
    timed = {(entry["system"], entry["case"]) for entry in values["timings"]}
    cases = ("one", "batch-1", "batch-8", "batch-64")
    assert timed == {
        *(("bare-torch", case) for case in cases[:2]),
        *(("ours-torch", case) for case in cases),
    }
    assert all(entry["milliseconds"]["median"] > 0 and len(entry["rounds"]) == 3 for entry in values["timings"])
    assert set(values["loading"]) == {"ours-torch"}
    assert values["loading"]["ours-torch"]["loaded"] == 70
    assert values["disk"]["ours-torch"]["totals"]["10000"] > 10000 * 5000
    assert list(values["not_run"]) == ["setfit"]
    assert "pass --peer setfit=" in values["not_run"]["setfit"]


def test_tables_show_ratios_targets_and_what_was_not_run(measured: tuple[Path, Result]):
    output = measured[1].output
    for title in ("One utterance of 16 tokens, 1 thread", "A batch of 64 utterances", "On disk", "Targets", "Not run"):
        assert title in output
    assert "timing with 1 thread" in output


def test_pictures_are_pictures(measured: tuple[Path, Result]):
    pictures = {path.name: path.read_bytes() for path in (measured[0] / "pictures").iterdir()}
    # Without a large model there is nothing for the bars of one utterance to be a share of.
    assert set(pictures) == {"batch.png", "footprint.png"}
    assert all(content.startswith(PNG) and len(content) > 10_000 for content in pictures.values())


def test_the_page_is_written_from_files_alone(measured: tuple[Path, Result], tmp_path: Path):
    page = tmp_path / "docs" / "serving.md"
    result = run("--from", measured[0] / "results.json", "--page", page)
    assert result.exit_code == 0, result.output
    text = page.read_text(encoding="utf-8")
    for part in (
        "## Aims, missed and reached",
        "--threads 1 --quick --rounds 3 --json tiny.json",
        "| ours, PyTorch |",
        "### Not run",
    ):
        assert part in text
    text = text.replace(KEPT_BEFORE, f"What it means.\n\n{KEPT_BEFORE}") + f"\n{KEPT}\n\n## More\n"
    page.write_text(text, encoding="utf-8")
    run("--from", measured[0] / "results.json", "--page", page)
    assert page.read_text(encoding="utf-8") == text
    pictures = [line.partition("](")[2].rstrip(")") for line in text.splitlines() if line.startswith("![")]
    assert pictures
    assert all((page.parent / picture).is_file() for picture in pictures)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "give --base to measure"),
        (["--base", "x", "--from", "y"], 2, "give --base to measure"),
        (["--base", "no-such-folder"], 1, "'no-such-folder' is no folder"),
        (["--base", ".", "--systems", "ours,theirs"], 1, "not ours, theirs"),
        (["--base", ".", "--threads", "one"], 2, "no list of whole numbers"),
        (["--base", ".", "--threads", "0"], 1, "whole numbers from 1"),
        (["--base", ".", "--peer", "peft=python"], 2, "is not NAME=PYTHON of setfit or adapterhub"),
        (["--from", "no-such-file.json"], 1, "holds no results of a benchmark"),
    ],
)
def test_wrong_calls_say_what_is_wrong(arguments: list[str], code: int, words: str):
    result = run(*arguments)
    assert result.exit_code == code
    assert words in " ".join(f"{result.output} {result.exception}".replace("│", " ").split())
