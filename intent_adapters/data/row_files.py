"""Tables for the eye and for programs: csv that spreadsheets open, or a JSON object a line."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from intent_adapters.errors import ConfigError

SUFFIXES = (".csv", ".jsonl")


# A spreadsheet runs a cell that begins so as a formula, and users write what they like.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def check_row_file(path: str | Path) -> Path:
    """The path of a file that `write_rows` can write; if it cannot, a ConfigError says why."""
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise ConfigError(f"{str(path)!r} must end in {' or '.join(SUFFIXES)}: that decides how it is written")
    if not path.parent.is_dir():
        raise ConfigError(f"there is no folder {str(path.parent)!r} to write {path.name!r} into")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ConfigError(f"{str(path)!r} cannot be written: check permissions, or name another file")
    return path


def write_rows(
    path: str | Path, columns: Sequence[str], rows: Iterable[Mapping[str, object]], digits: int | None = None
) -> None:
    """Writes these columns of rows, replacing what is there; fractions are rounded to so many digits."""
    path = check_row_file(path)
    written = ({name: _rounded(row[name], digits) for name in columns} for row in rows)
    # Excel takes a csv file for UTF-8 only by its mark.
    with path.open("w", encoding="utf-8-sig" if path.suffix == ".csv" else "utf-8", newline="") as file:
        if path.suffix == ".csv":
            table = csv.DictWriter(file, columns)
            table.writeheader()
            table.writerows({name: cell_of(value) for name, value in row.items()} for row in written)
        else:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in written)


def _rounded(value: object, digits: int | None) -> object:
    return value if digits is None or not isinstance(value, float) else round(value, digits)


def cell_of(value: object) -> object:
    """A value as a csv file holds it: no spreadsheet runs it as a formula, and our readers take the space away."""
    return f" {value}" if isinstance(value, str) and value.startswith(FORMULA) else value
