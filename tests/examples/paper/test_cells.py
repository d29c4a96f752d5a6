"""Cells: run once, kept by what made them, repetition by repetition, also in several processes."""

from __future__ import annotations

import dataclasses
import json

import pytest

from examples.paper import cells
from examples.paper.cells import Cell, Setup, fill, find, key, plan, run
from examples.paper.tracks import Column, read_track
from intent_adapters.errors import ConfigError
from tests.support.short_trainings import short_trainings
from tests.support.tiny import tiny_base

__all__ = ["short_trainings"]

COLUMN = Column("clinic", "rows.jsonl", shots=2)


@pytest.fixture
def setup(data, tmp_path):
    base = tmp_path / "base"
    tiny_base(tmp_path).save_pretrained(str(base))
    return Setup(
        data=data,
        encoders={"distilled-se": str(base)},
        digests={"distilled-se": "a", "large-se": "b"},
        cells=tmp_path / "cells",
        device="cpu",
    )


@pytest.mark.usefixtures("short_trainings")
def test_a_cell_is_trained_measured_and_kept(setup):
    cell = Cell("distilled-se-metric", COLUMN, 0)
    assert find(cell, setup) is None
    result = run(cell, setup)
    assert 0 <= result["accuracy"] <= 1
    assert (result["train"], result["test"], result["repetition"]) == (6, 9, 0)
    assert "PyTorch" in result["machine"]
    assert find(cell, setup) == result
    assert [file.suffix for file in setup.cells.iterdir()] == [".json"]


@pytest.mark.usefixtures("short_trainings")
@pytest.mark.parametrize("system", ["distilled-se", "distilled-se-tuned", "distilled-se-probe"])
def test_every_way_of_training_runs(setup, system):
    assert 0 <= run(Cell(system, COLUMN, 1), setup)["accuracy"] <= 1


def test_a_key_follows_all_that_makes_a_cell(setup, data):
    cell = Cell("distilled-se", COLUMN, 0)
    others = [
        key(Cell("distilled-se-metric", COLUMN, 0), setup),
        key(Cell("large-se", COLUMN, 0), setup),
        key(dataclasses.replace(cell, repetition=1), setup),
        key(dataclasses.replace(cell, column=dataclasses.replace(COLUMN, shots=3)), setup),
        key(cell, dataclasses.replace(setup, digests={"distilled-se": "c"})),
    ]
    assert len({key(cell, setup), *others}) == 6
    renamed = dataclasses.replace(cell, column=dataclasses.replace(COLUMN, name="other name"))
    assert key(renamed, setup) == key(cell, setup)


def test_the_plan_goes_repetition_by_repetition(track_file):
    planned = plan(read_track(track_file), ["distilled-se", "distilled-se-metric"], None, 2)
    assert [(cell.repetition, cell.row) for cell in planned] == [
        (0, "distilled-se"),
        (0, "distilled-se-metric"),
        (1, "distilled-se"),
        (1, "distilled-se-metric"),
    ]


@pytest.mark.parametrize(
    ("systems", "columns", "said"), [(["huge"], None, "no row 'huge'"), (["large-se"], ["x"], "no column 'x'")]
)
def test_the_plan_refuses_what_the_track_lacks(track_file, systems, columns, said):
    with pytest.raises(ConfigError, match=said):
        plan(read_track(track_file), systems, columns, 1)


def test_a_run_that_was_cut_off_goes_on_where_it_was(setup, monkeypatch):
    planned = [Cell("distilled-se-probe", COLUMN, number) for number in range(3)]
    real, ran = cells.run, []

    def failing(cell, where):
        if cell.repetition == 2 and len(ran) == 2:
            ran.append(None)
            raise KeyboardInterrupt
        ran.append(cell.repetition)
        return real(cell, where)

    monkeypatch.setattr(cells, "run", failing)
    with pytest.raises(KeyboardInterrupt):
        fill(planned, setup)
    results = fill(planned, setup)
    assert ran == [0, 1, None, 2]
    assert [result["repetition"] for result in results] == [0, 1, 2]


def test_finding_only_runs_nothing(setup):
    planned = [Cell("distilled-se-probe", COLUMN, number) for number in range(2)]
    run(planned[1], setup)
    assert [result["repetition"] for result in fill(planned, setup, only_find=True)] == [1]


@pytest.mark.slow
def test_two_processes_give_what_one_gives(setup, tmp_path):
    planned = [Cell("distilled-se-metric", COLUMN, number) for number in range(2)]
    alone = fill(planned, setup)
    told = []
    other = dataclasses.replace(setup, cells=tmp_path / "other")
    together = fill(planned, other, workers=2, on_cell=told.append)
    assert [result["accuracy"] for result in together] == [result["accuracy"] for result in alone]
    assert sorted(result["repetition"] for result in told) == [0, 1]


def test_a_result_is_one_line_of_json(setup):
    run(Cell("distilled-se-probe", COLUMN, 0), setup)
    (file,) = setup.cells.iterdir()
    assert json.loads(file.read_text(encoding="utf-8"))["column"] == "clinic"
