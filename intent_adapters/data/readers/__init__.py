"""One file a format; each reader turns a file into a `Table` and notes what is wrong with single rows.

What cannot be read at all is a DataError.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from intent_adapters.data.problems import Problems, data_error
from intent_adapters.data.readers.delimited import read_delimited
from intent_adapters.data.readers.exports import read_archive
from intent_adapters.data.readers.json_rows import read_json
from intent_adapters.data.readers.parquet import read_parquet
from intent_adapters.data.readers.rasa import read_rasa
from intent_adapters.data.readers.workbook import read_workbook
from intent_adapters.data.table import Table
from intent_adapters.errors import DataError

# Of text files, which may also be compressed.
TEXT_READERS: dict[str, Callable[[Path, Problems, str | None], Table]] = {
    ".csv": read_delimited,
    ".tsv": read_delimited,
    ".jsonl": read_json,
    ".ndjson": read_json,
    ".json": read_json,
    ".yml": read_rasa,
    ".yaml": read_rasa,
}
WORKBOOK = ".xlsx"
ARCHIVES = (".zip", ".tgz")
READABLE = (*TEXT_READERS, ".parquet", WORKBOOK)

_PICKLES = frozenset({".pkl", ".pickle", ".pt", ".pth", ".bin", ".joblib", ".npy", ".npz"})
_OTHER_WORKBOOKS = frozenset({".xls", ".ods", ".numbers"})


def format_of(path: Path) -> str:
    """The suffix that decides the format: the last one, or the one before .gz."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes[-1:] == [".gz"] and suffixes[-2:-1] and suffixes[-2] in TEXT_READERS:
        return suffixes[-2]
    return suffixes[-1] if suffixes else ""


def stem_of(path: Path) -> str:
    """The name without the suffixes that `format_of` looked at: `train` for `train.jsonl.gz`."""
    return Path(path.stem).stem if path.suffix.lower() == ".gz" else path.stem


def is_data_file(path: Path) -> bool:
    """Whether the suffix is one that data files have, readable here or not."""
    return format_of(path) in {*READABLE, *_PICKLES, *_OTHER_WORKBOOKS, *ARCHIVES, ".gz", ".txt"}


def read_file(path: Path, problems: Problems, encoding: str | None = None, split: str | None = None) -> Table:
    """Reads a file by its suffix; of a workbook the sheet that is called as the split, if there is one."""
    suffix = format_of(path)
    if suffix in TEXT_READERS:
        return TEXT_READERS[suffix](path, problems, encoding)
    if suffix in ARCHIVES:
        return read_archive(path, problems)
    if suffix not in READABLE:
        raise _unreadable(path, suffix)
    return read_workbook(path, problems, split) if suffix == WORKBOOK else read_parquet(path)


def _unreadable(path: Path, suffix: str) -> DataError:
    if suffix in _PICKLES:
        what, cure = "pickled data is never read, because opening it can run code", "save it as csv, jsonl or parquet"
    elif suffix in _OTHER_WORKBOOKS:
        what, cure = f"workbooks ({suffix}) are not read", "save it as .xlsx, or export the sheet as CSV UTF-8"
    elif suffix == ".md":
        what, cure = (
            "Markdown is not read",
            "turn it into YAML: rasa data convert nlu -f yaml --data FILE --out FOLDER",
        )
    elif suffix == ".gz":
        what, cure = "the name does not say what is compressed", "call it .csv.gz, .tsv.gz, .jsonl.gz or .json.gz"
    else:
        what = f"files with the suffix {suffix!r} are not read"
        archives = " or ".join(ARCHIVES)
        cure = f"use one of {', '.join(READABLE)}, or the {archives} of an export; those of text also with .gz"
    return data_error(str(path), what, cure)
