"""Tables, claims and pages from results that were written by hand."""

from __future__ import annotations

import pytest

from examples.paper.results import Results
from examples.paper.rows import ROWS
from examples.paper.tables import claims_table, figure_2, fill_page, kept_table, table_2, table_3, table_4
from examples.paper.tracks import read_track
from intent_adapters.errors import DataError
from tests.examples.paper.conftest import TRACK

FOOTPRINT = {
    "large": {"parameters": 110_000_000, "bytes": 440_000_000},
    "distilled": {"parameters": 22_000_000, "bytes": 88_000_000},
    "intents": 149,
    "adapter_bytes": 500_000,
    "totals": {
        "large, fine-tuned": {"1": 440_000_000, "50": 22_000_000_000, "100": 44_000_000_000},
        "distilled, fine-tuned": {"1": 88_000_000, "50": 4_400_000_000, "100": 8_800_000_000},
        "distilled, adapter": {"1": 88_500_000, "50": 113_000_000, "100": 138_000_000},
    },
}
RESPONSE = {"rounds": 3, "intents": 149, "threads": {"1": {"large": 30.0, "distilled": 9.0, "ratio": 0.31}}}


@pytest.fixture
def results(tmp_path):
    """Every system in ten repetitions, each a point better than the one before it; SetFit in two."""
    file = tmp_path / "small.toml"
    file.write_text(TRACK, encoding="utf-8")
    cells = [
        {
            "system": name,
            "column": "clinic",
            "repetition": repetition,
            "accuracy": 0.7 + 0.01 * number + 0.0001 * (repetition * number % 7),
            "seconds": 1.0,
            "train": 6,
            "test": 9,
            "machine": "a machine",
        }
        for number, name in enumerate(ROWS)
        for repetition in range(2 if "setfit" in name else 10)
    ]
    return Results.of_cells(read_track(file), cells).extended(footprint=FOOTPRINT, response=RESPONSE)


def test_table_2_has_eight_rows_with_the_papers_figures_beside_them(results):
    table = table_2(results)
    assert table.columns == ("system", "clinic", "paper, IT")
    assert len(table.rows) == 8
    assert table.rows[0][0::2] == ("Large PLM", "96.85")
    assert table.rows[0][1] == "70.00 ± 0.00"
    assert table.rows[-1][0::2] == ("Distilled SE + metric", "94.46")


def test_table_3_has_rows_that_the_paper_lacks(results):
    rows = {row[0]: row[2] for row in table_3(results).rows}
    assert rows["Distilled SE, SetFit"] == rows["Distilled SE, logistic regression"] == "-"
    assert rows["Large SE, fine-tuned"] == "96.79"


def test_systems_that_were_not_run_have_no_row(results):
    accuracy = {"clinic": {"large-se": {"0": 0.5}}}
    assert [row[:2] for row in table_2(results.extended(accuracy=accuracy)).rows] == [("Large SE", "50.00")]


def test_claims_are_tested_on_the_repetitions_that_both_have(results):
    found = {claim.better: difference for claim, difference in results.check_claims("clinic")}
    assert found["large-se"].verdict == "better"
    against_setfit = next(
        difference for claim, difference in results.check_claims("clinic") if claim.worse.endswith("setfit")
    )
    assert against_setfit.repetitions == 2
    assert against_setfit.verdict == "too few to tell"
    assert claims_table(results).rows[-1][2] == "2"
    verdicts = {row[0]: row[5] for row in claims_table(results).rows}
    assert verdicts["stage 1 helps the large model"] == "holds"
    assert verdicts["an adapter beats fine-tuning, Large SE"] == "the other way round"


def test_what_the_small_one_keeps(results):
    (row,) = kept_table(results).rows
    large, small = results.accuracy("clinic", "large-se-metric"), results.accuracy("clinic", "distilled-se-metric")
    assert row == (
        "clinic",
        "10",
        f"{100 * large.mean:.2f}",
        f"{100 * small.mean:.2f}",
        f"{100 * small.mean / large.mean:.1f} %",
    )


def test_what_is_kept_is_of_the_draws_that_both_have(results):
    runs = {"large-se-metric": {"0": 0.5}, "distilled-se-metric": {"0": 0.4, "1": 0.9}}
    (row,) = kept_table(results.extended(accuracy={"clinic": runs})).rows
    assert row == ("clinic", "1", "50.00", "40.00", "80.0 %")
    assert kept_table(results.extended(accuracy={"clinic": {"large-se-metric": {"0": 0.5}}})).rows == []


def test_table_4_and_figure_2_give_ours_and_the_papers(results):
    rows = {row[0]: row[1:] for row in table_4(results).rows}
    assert rows["distilled, adapter"] == ("88.5", "113.0", "138.0")
    assert rows["distilled, adapter, paper"] == ("102", "690", "1,290")
    assert [row[-1] for row in figure_2(results).rows] == ["0.200", "0.200", "0.310"]


def test_a_page_gets_its_tables_and_keeps_its_words(results):
    page = "Before.\n<!-- kept of small -->\nold\n<!-- end -->\nAfter.\n<!-- kept of other -->\nstays\n<!-- end -->\n"
    filled = fill_page(page, [results])
    assert "old" not in filled
    assert "stays" in filled
    assert filled.startswith("Before.\n")
    assert kept_table(results).markdown() in filled
    assert fill_page(filled, [results]) == filled
    with pytest.raises(DataError, match="table9"):
        fill_page("<!-- table9 of small -->\n<!-- end -->", [results])


def test_results_are_read_as_they_were_written(results, tmp_path):
    file = tmp_path / "folder" / "results.json"
    results.write(file)
    assert Results.read(file).values == results.values


@pytest.mark.parametrize("content", ["no json", "[]", '{"format": 0, "track": "x"}', '{"format": 1}'])
def test_other_files_are_refused(tmp_path, content):
    file = tmp_path / "other.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=r"other\.json"):
        Results.read(file)


def test_pictures_are_drawn(results, tmp_path):
    plots = pytest.importorskip("examples.paper.plots")
    for plot in (plots.plot_table_4, plots.plot_figure_2):
        plot(results, tmp_path / "pictures" / "picture.png")
        assert (tmp_path / "pictures" / "picture.png").stat().st_size > 10_000
