from __future__ import annotations

from examples.benchmark.results import Results
from examples.benchmark.tables import batch_table, disk_table, loading_table, not_run_table, one_table
from examples.tables import Table
from tests.examples.benchmark.test_targets import entry, results


def measured() -> Results:
    peer = {**entry(1, "setfit", "one", 8.0), "bare_rounds": {"0": 4.0}}
    timings = [entry(1, "bare-torch", "one", 2.0), entry(1, "ours-torch", "one", 3.0), peer]
    timings += [entry(1, "large", "one", 30.0), entry(1, "bare-torch", "batch-1", 100.0)]
    timings += [entry(1, "ours-torch", case, 110.0) for case in ("batch-1", "batch-64")]
    systems = {
        name: {"title": name, "reference": None if name == "bare-torch" else "bare-torch"}
        for name in ("bare-torch", "ours-torch", "setfit", "large")
    }
    settings = {"threads": [1], "cases": ["one", "batch-1", "batch-64"], "tokens": 16, "batch": 64}
    return results(*timings, systems=systems, settings=settings, not_run={"lora-qv": "a reason\nin two lines"})


def test_one_utterance_has_ratios_to_its_own_bare_encoder_and_to_the_large_model():
    rows = {row[0]: row[1:] for row in one_table(measured(), 1).rows}
    assert rows["ours-torch"] == ("3.00 (3.00 to 3.00)", "1.50 (1.50 to 1.50)", "0.100")
    assert rows["setfit"][1] == "2.00 (2.00 to 2.00)"
    assert rows["bare encoder beside setfit"] == ("4.00 (4.00 to 4.00)", "-", "-")
    assert rows["bare-torch"][1] == "-"


def test_every_batch_is_compared_with_the_one_batch_of_the_bare_encoder():
    rows = {row[0]: row[1:] for row in batch_table(measured(), 1).rows}
    assert rows["ours-torch"] == ("110.0", "1.10 (1.10 to 1.10)", "110.0", "1.10 (1.10 to 1.10)")
    assert rows["bare-torch"] == ("100.0", "-", "-", "-")


def test_bytes_are_readable_and_what_was_not_reached_is_a_dash():
    loading = {
        "ours-torch": {
            "milliseconds": {"1": 1.234, "64": 2.0},
            "loaded": 70,
            "bytes_per_agent": 373_000,
            "bytes_before": 567_300_000,
        },
        "large": {"not_run": "it failed"},
    }
    disk = {"large": {"base_bytes": 0, "agent_bytes": 438_900_000, "totals": {}}}
    disk["large"]["totals"] = {str(count): count * 438_900_000 for count in (1, 50, 100, 1000, 10000)}
    found = results(loading=loading, disk=disk)
    assert loading_table(found).rows == [("ours-torch", "1.23", "2.00", "-", "70", "373 KB", "567 MB")]
    row = ("-", "439 MB", "439 MB", "21.9 GB", "43.9 GB", "439 GB", "4.39 TB")
    assert disk_table(found).rows[0][1:] == row
    assert not_run_table(found).rows == [("LARGE: loading", "it failed")]
    assert not_run_table(measured()).rows == [("lora-qv", "a reason in two lines")]


def test_markdown_has_numbers_to_the_right_and_no_bars_in_cells():
    table = Table("title", ("a", "b"), [("x|y", "1")])
    assert table.markdown() == "| a | b |\n| --- | ---: |\n| x/y | 1 |"
