from __future__ import annotations

import csv
from pathlib import Path

import pytest

from examples.daily_work.__main__ import CUSTOMERS, HERE, day


@pytest.mark.parametrize(
    ("customer", "method"),
    [
        ("hotel", "probe"),
        # The same steps, each of them half a minute or more.
        pytest.param("bicycle_shop", "probe", marks=pytest.mark.slow),
        *(pytest.param(customer, "adapter", marks=pytest.mark.slow) for customer in CUSTOMERS),
    ],
)
def test_a_day_of_a_customer(customer: str, method: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    found = day(customer, tmp_path, method)
    with (HERE / customer / "corrections.csv").open(encoding="utf-8", newline="") as file:
        planted = dict(list(csv.reader(file))[1:])
    suspects = found.report.of_kind("wrong label")
    assert {finding.texts[0] for finding in suspects[: len(planted)]} == set(planted)
    assert found.first.mistakes
    assert (tmp_path / f"{customer}_errors.csv").is_file()
    assert found.corrected.labelled.new_accuracy >= found.corrected.labelled.old_accuracy
    assert found.corrected.verdict != "worse"
    assert 0 < found.threshold < 1
    wanted = CUSTOMERS[customer]
    missed = [group for group in found.traffic.groups[:3] if wanted.missed in group.texts[0].text]
    assert len(missed) == 1
    assert missed[0].count >= 2
    assert found.grown.added == (wanted.intent,)
    assert found.grown.verdict != "worse"
    assert found.versions == (3, 2)
    shown = capsys.readouterr().out
    assert f"-> {wanted.intent}" in shown
    assert shown.rstrip().endswith("out of scope")
