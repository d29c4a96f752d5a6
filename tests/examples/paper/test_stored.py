"""The results in docs/results/paper: the page shows them as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from examples.paper.results import Results
from examples.paper.rows import ROWS
from examples.paper.tables import fill_page

DOCS = Path(__file__).parents[3] / "docs" / "results"
STORED = {file.stem: Results.read(file) for file in sorted((DOCS / "paper").glob("*.json"))}


def test_the_page_shows_the_stored_results():
    page = (DOCS / "paper.md").read_text(encoding="utf-8")
    assert STORED
    assert fill_page(page, list(STORED.values())) == page
    assert all(f" of {track} -->" in page for track in STORED)


@pytest.mark.parametrize("track", STORED)
def test_every_figure_is_of_a_known_row_in_complete_repetitions(track):
    results = STORED[track]
    assert results.values["machines"]
    for rows in results.values["accuracy"].values():
        for name, by_repetition in rows.items():
            assert name in ROWS
            assert list(by_repetition) == [str(number) for number in range(len(by_repetition))]
            assert all(0 < accuracy <= 1 for accuracy in by_repetition.values())
