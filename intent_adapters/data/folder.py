"""Folders: one file per split, several files of rows, or one text file per intent."""

from __future__ import annotations

from pathlib import Path

from intent_adapters.data.problems import Problems, data_error
from intent_adapters.data.readers import READERS, format_of, reader_for, stem_of
from intent_adapters.data.readers.rasa import has_nlu_section
from intent_adapters.data.readers.text_file import read_text
from intent_adapters.data.table import Record, Table

SPLIT_NAMES = frozenset({"train", "training", "test", "validation", "valid", "val", "dev", "eval"})


def read_folder(folder: Path, split: str | None, problems: Problems, encoding: str | None = None) -> list[Table]:
    """Reads the files of a folder, in the order of their names; subfolders are not entered.

    With a split: the files of that name (`test.jsonl`), or else the subfolder of that name. Without: all files. A
    folder of .txt files only holds one intent a file, named after the file, one utterance a line.

    Raises:
        DataError: if nothing usable is there, the split is not there, or there are splits and none was asked for.
    """
    entries = _entries(folder)
    files = [path for path in entries if path.is_file() and format_of(path) in READERS]
    if split is not None:
        return _read_split(folder, entries, files, split, problems, encoding)
    names = sorted({path.name if path.is_dir() else stem_of(path) for path in entries} & SPLIT_NAMES)
    if names and (len(files) != 1 or stem_of(files[0]) not in SPLIT_NAMES):
        raise data_error(str(folder), f"the folder holds splits ({', '.join(names)})", "choose one with split=")
    if files:
        return _read_files(folder, files, problems, encoding)
    texts = [path for path in entries if path.is_file() and path.suffix.lower() == ".txt" and not _is_note(path)]
    if texts:
        return [Table(str(folder), ["text", "label"], _read_intent_files(texts, encoding))]
    cure = f"it should hold {', '.join(READERS)} files, or one .txt file for each intent"
    raise data_error(str(folder), "the folder holds no usable file", cure)


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise data_error(str(folder), f"the folder cannot be read ({error.strerror})", "check permissions") from error


def _read_split(
    folder: Path, entries: list[Path], files: list[Path], split: str, problems: Problems, encoding: str | None
) -> list[Table]:
    chosen = [path for path in files if stem_of(path) == split]
    if chosen:
        return _read_files(folder, chosen, problems, encoding)
    subfolders = [path.name for path in entries if path.is_dir()]
    if split in subfolders:
        return read_folder(folder / split, None, problems, encoding)
    found = ", ".join(sorted({*map(stem_of, files), *subfolders})) or "none"
    raise data_error(str(folder), f"there is no split {split!r}", f"choose among: {found}")


def _read_files(folder: Path, files: list[Path], problems: Problems, encoding: str | None) -> list[Table]:
    # A Rasa project keeps stories and rules beside its training data.
    usable = [path for path in files if format_of(path) not in (".yml", ".yaml") or has_nlu_section(path, encoding)]
    if not usable:
        raise data_error(str(folder), "no YAML file has an `nlu` section", "point to the folder of nlu.yml")
    return [reader_for(path)(path, problems, None if path.suffix == ".parquet" else encoding) for path in usable]


def _read_intent_files(paths: list[Path], encoding: str | None) -> list[Record]:
    return [
        Record(f"{path}:{number}", {"text": line, "label": path.stem})
        for path in paths
        for number, line in enumerate(read_text(path, encoding).split("\n"), start=1)
        if line.strip()
    ]


def _is_note(path: Path) -> bool:
    return path.stem.lower() in ("readme", "license", "licence", "sources")
