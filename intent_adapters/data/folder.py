"""Folders: one file per split, several files of rows, or one text file per intent."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from intent_adapters.data.columns import SPLIT_NAMES
from intent_adapters.data.definition_files import is_definition_file
from intent_adapters.data.problems import Problems, data_error
from intent_adapters.data.readers import READABLE, WORKBOOK, format_of, is_data_file, read_file, stem_of
from intent_adapters.data.readers.exports import read_export_folder
from intent_adapters.data.readers.rasa import has_nlu_section
from intent_adapters.data.readers.text_file import read_lines
from intent_adapters.data.table import Record, Table
from intent_adapters.errors import shorten

_WORD = re.compile(r"[^\W\d_]+")
# `clinicTest` holds two words; `trainset` and `학습데이터` name a split as `train` and `학습` do.
_HUMP = re.compile(r"(?<=[^\W\d_A-Z])(?=[A-Z])")
_SUFFIX = re.compile(r"(?:set|data|용|셋|데이터|데이터셋|용데이터)$")
_YAML = (".yml", ".yaml")
_NOTES = ("readme", "license", "licence", "sources")


def read_folder(folder: Path, split: str | None, problems: Problems, encoding: str | None = None) -> list[Table]:
    """Reads the files of a folder, in the order of their names; of subfolders, as Rasa does, the YAML files alone.

    Of a Rasa project (`domain.yml` or `config.yml` beside a folder `data` with training data) it reads `data`.

    With a split: the file of that name (`test.jsonl`), or else the subfolder of that name, or else the files with that
    word in their names (`clinic_test.csv`). Without: all files, unless the names of some say that they are splits. A
    folder of .txt files only holds one intent a file, named after the file, one utterance a line. Data files that are
    not read are left out, and said. Files of entity definitions are not looked at.

    An export of Dialogflow ES, wit.ai, Amazon Lex V2 or Botpress is read whole.
    """
    export = None if split is not None else read_export_folder(folder, problems)
    if export is not None:
        return [export]
    folder = _data_of_project(folder, problems, encoding)
    entries = _entries(folder)
    subfolders = [path for path in entries if path.is_dir() and _holds_data(path)]
    files = _data_files(folder, entries, problems, encoding)
    if split is not None:
        return _read_split(folder, subfolders, files, split, problems, encoding)
    texts = [path for path in entries if path.is_file() and path.suffix.lower() == ".txt" and not _is_note(path)]
    _refuse_splits(folder, files, texts, subfolders)
    used = files or texts
    _leave_out_others(entries, used, subfolders, bool(files), problems)
    if files:
        return _read_files(files, problems, encoding)
    if texts:
        return [Table(str(folder), ["text", "label"], _read_intent_files(texts, encoding))]
    what, cure = "the folder holds no usable file", f"it should hold {', '.join(READABLE)} files, or a .txt an intent"
    if any(format_of(path) in _YAML for path in entries):
        what, cure = "no YAML file has an `nlu` section", "point to the folder of nlu.yml"
    elif subfolders:
        cure = f"read one of its subfolders: {', '.join(path.name for path in subfolders)}"
    raise data_error(str(folder), what, cure)


def split_in(folder: Path, names: Sequence[str]) -> str | None:
    """The first of some names of splits that a data file of a folder, or a subfolder with data, bears."""
    bearers = [
        path.name if path.is_dir() else stem_of(path)
        for path in _entries(folder)
        if (_holds_data(path) if path.is_dir() else format_of(path) in READABLE)
    ]
    words = {word for bearer in bearers for word in _words(bearer)}
    return next((name for name in names if name in words), None)


def _leave_out_others(
    entries: list[Path], used: Collection[Path], subfolders: list[Path], beside_files: bool, problems: Problems
) -> None:
    for path in entries:
        # Among text files that are intents, a license.txt may be one of them.
        is_note = beside_files and _is_note(path)
        if path.is_file() and path not in used and format_of(path) not in _YAML and is_data_file(path) and not is_note:
            problems.leave_out("other files", str(path))
    for path in subfolders:
        if used:
            problems.leave_out("subfolders", str(path))


def _data_of_project(folder: Path, problems: Problems, encoding: str | None) -> Path:
    """Of a Rasa project its folder of training data, else the folder itself."""
    data = folder / "data"
    is_project = any((folder / name).is_file() for name in ("domain.yml", "config.yml"))
    files = [path for path in _files_below(data) if format_of(path) in _YAML] if is_project else []
    if not any(has_nlu_section(path, encoding) for path in files):
        return folder
    for path in _entries(folder):
        if path != data:
            problems.leave_out("what a Rasa project has beside its `data`", str(path))
    return data


def _entries(folder: Path) -> list[Path]:
    try:
        paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise data_error(str(folder), f"the folder cannot be read ({error.strerror})", "check permissions") from error
    return [path for path in paths if not is_definition_file(path)]


def _data_files(folder: Path, entries: list[Path], problems: Problems, encoding: str | None) -> dict[Path, str]:
    """The files to read, each with the name by which it can be chosen: its path below the folder without suffix."""
    found = [path for path in entries if path.is_file() and format_of(path) in READABLE]
    # A workbook beside other files is mostly what they were exported from.
    found = [path for path in found if format_of(path) != WORKBOOK] or found
    below = [path for entry in entries if entry.is_dir() for path in _files_below(entry)]
    files = {}
    for path in found + [path for path in below if format_of(path) in _YAML]:
        # A Rasa project keeps stories and rules beside its training data.
        if format_of(path) in _YAML and not has_nlu_section(path, encoding):
            problems.leave_out("YAML files without an `nlu` section", str(path))
        else:
            files[path] = _composed((path.parent.relative_to(folder) / stem_of(path)).as_posix())
    return files


def _files_below(folder: Path) -> list[Path]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in paths if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def _holds_data(folder: Path) -> bool:
    """Whether data files are below a folder, other than YAML, which is read from there."""
    others = (path for path in _files_below(folder) if format_of(path) not in _YAML)
    return any(is_data_file(path) and not _is_note(path) for path in others)


def _refuse_splits(folder: Path, files: dict[Path, str], texts: list[Path], subfolders: list[Path]) -> None:
    """Refuses a folder where some names say that they are splits and others are there too: it is not one data set."""
    if files or not texts:
        names = sorted({*files.values(), *(path.name for path in subfolders if _split_words(path.name))})
    else:  # an intent may well be called train, but not all of them like splits
        names = sorted(path.name for path in subfolders if _split_words(path.name))
        if all(_composed(path.stem).casefold() in SPLIT_NAMES for path in texts):
            names += [path.name for path in texts]
    marked = [name for name in names if _split_words(name)]
    if not marked or len(names) < 2:
        return
    cure = f"choose one with split= among: {', '.join(names)}; or rename what is no split"
    if texts and not files and not subfolders:
        cure = "a .txt file is an intent, named after the file: write splits as csv or jsonl with a column of labels"
    raise data_error(str(folder), f"the folder holds splits ({', '.join(marked)})", cure)


def _split_words(name: str) -> frozenset[str]:
    return SPLIT_NAMES.intersection(_words(name))


def _words(name: str) -> list[str]:
    found = _WORD.findall(_composed(name))
    words = [part.casefold() for word in found for part in {word, *_HUMP.split(word)}]
    return words + [short for word in words if (short := _SUFFIX.sub("", word)) in SPLIT_NAMES]


def _composed(name: str) -> str:
    """A file's name as a keyboard types it: a Mac takes Hangul apart."""
    return unicodedata.normalize("NFC", name)


def _read_split(
    folder: Path, subfolders: list[Path], files: dict[Path, str], split: str, problems: Problems, encoding: str | None
) -> list[Table]:
    split = _composed(split)
    chosen = [path for path, name in files.items() if name == split]
    folders = [path for path in subfolders if _composed(path.name) == split]
    alike = [path for path, name in files.items() if split.casefold() in _words(name)]
    used = chosen or folders or alike
    for path in [*folders, *alike]:
        # Of nlu.yml and test_nlu.yml the second is no part of the split nlu.
        if path not in used and _split_words(path.stem) == _split_words(split):
            problems.leave_out(f"others with {shorten(split)} in their names", str(path))
    if folders and not chosen:
        return read_folder(folders[0], None, problems, encoding)
    if used:
        return _read_files(used, problems, encoding)
    found = sorted({*files.values(), *(path.name for path in subfolders)})
    cure = f"choose among: {', '.join(found)}" if found else "the folder has no splits: leave split= out"
    raise data_error(str(folder), f"there is no split {split!r}", cure)


def _read_files(files: Iterable[Path], problems: Problems, encoding: str | None) -> list[Table]:
    return [read_file(path, problems, encoding) for path in files]


def _read_intent_files(paths: list[Path], encoding: str | None) -> list[Record]:
    return [
        Record(place, {"text": line, "label": path.stem})
        for path in paths
        for place, line in read_lines(path, encoding)
    ]


def _is_note(path: Path) -> bool:
    return path.stem.lower() in _NOTES
