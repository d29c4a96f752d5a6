from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intent_adapters.data import read_texts
from intent_adapters.data.row_files import write_rows
from intent_adapters.errors import ConfigError

plain = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf", "Zs", "Zl", "Zp", "Mn"]), min_size=1, max_size=9)


@given(st.lists(st.one_of(plain, plain.map("=".__add__), plain.map("@SUM".__add__)), min_size=1, max_size=6))
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_no_cell_of_a_csv_file_is_a_formula_and_every_text_comes_back(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
):
    path = tmp_path_factory.mktemp("rows") / "rows.csv"
    write_rows(path, ["text", "count"], ({"text": text, "count": -1} for text in texts))
    with path.open(encoding="utf-8-sig", newline="") as file:
        cells = [row["text"] for row in csv.DictReader(file)]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
    assert read_texts(path) == texts


def test_files_that_cannot_be_written_are_refused(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"must end in \.csv or \.jsonl"):
        write_rows(tmp_path / "a.txt", ["text"], [])
    with pytest.raises(ConfigError, match="there is no folder"):
        write_rows(tmp_path / "nowhere" / "a.csv", ["text"], [])


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions do not hold for this user")
def test_a_folder_that_is_read_only_is_refused(tmp_path: Path):
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigError, match="cannot be written"):
        write_rows(tmp_path / "a.csv", ["text"], [])
