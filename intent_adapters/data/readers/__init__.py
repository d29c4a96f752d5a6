"""One file a format; each reader turns a file into a `Table` and notes what is wrong with single rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from intent_adapters.data.problems import Problems, data_error
from intent_adapters.data.readers.delimited import read_delimited
from intent_adapters.data.readers.json_rows import read_json
from intent_adapters.data.readers.parquet import read_parquet
from intent_adapters.data.readers.rasa import read_rasa
from intent_adapters.data.table import Table

Reader = Callable[[Path, Problems, str | None], Table]

READERS: dict[str, Reader] = {
    ".csv": read_delimited,
    ".tsv": read_delimited,
    ".jsonl": read_json,
    ".ndjson": read_json,
    ".json": read_json,
    ".parquet": read_parquet,
    ".yml": read_rasa,
    ".yaml": read_rasa,
}
COMPRESSIBLE = frozenset(READERS) - {".parquet"}

_PICKLES = frozenset({".pkl", ".pickle", ".pt", ".pth", ".bin", ".joblib", ".npy", ".npz"})
_WORKBOOKS = frozenset({".xlsx", ".xls", ".ods", ".numbers"})


def format_of(path: Path) -> str:
    """The suffix that decides the format: the last one, or the one before .gz."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes[-1:] == [".gz"] and suffixes[-2:-1] and suffixes[-2] in COMPRESSIBLE:
        return suffixes[-2]
    return suffixes[-1] if suffixes else ""


def stem_of(path: Path) -> str:
    """The name without the suffixes that `format_of` looked at: `train` for `train.jsonl.gz`."""
    return Path(path.stem).stem if path.suffix.lower() == ".gz" else path.stem


def is_data_file(path: Path) -> bool:
    """Whether the suffix is one that data files have, readable here or not."""
    return format_of(path) in {*READERS, *_PICKLES, *_WORKBOOKS, ".gz", ".txt"}


def reader_for(path: Path) -> Reader:
    """The reader for a file, by its suffix.

    Raises:
        DataError: There is none.
    """
    suffix = format_of(path)
    reader = READERS.get(suffix)
    if reader is not None:
        return reader
    if suffix in _PICKLES:
        what, cure = "pickled data is never read, because opening it can run code", "save it as csv, jsonl or parquet"
    elif suffix in _WORKBOOKS:
        what, cure = f"workbooks ({suffix}) are not read", "export the sheet as CSV UTF-8"
    elif suffix == ".gz":
        what, cure = "the name does not say what is compressed", "call it .csv.gz, .tsv.gz, .jsonl.gz or .json.gz"
    else:
        what = f"files with the suffix {suffix!r} are not read"
        cure = f"use one of {', '.join(READERS)}, all but parquet also with .gz"
    raise data_error(str(path), what, cure)
