"""Utterances with their entities from one format into another."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from intent_adapters.choices import DataFormat
from intent_adapters.data.definition_files import definition_file_of, read_definitions
from intent_adapters.data.definitions import EntityDefinitions
from intent_adapters.data.problems import Problems
from intent_adapters.data.reading import Source, read_annotated
from intent_adapters.data.writers import FORMAT_OF, WRITERS
from intent_adapters.errors import ConfigError
from intent_adapters.inputs import check_choice


@dataclass(frozen=True, slots=True)
class Conversion:
    """What `convert` wrote.

    Attributes:
        format: In which format.
        utterances: How many utterances.
        entities: How many entities are marked in them.
        definitions: How many entities have values, patterns or a kind.
        files: The files.
    """

    format: DataFormat
    utterances: int
    entities: int
    definitions: int
    files: tuple[Path, ...]


def convert(source: Source, target: str | Path, *, format: DataFormat | None = None, **reading: Any) -> Conversion:
    """Reads utterances, their entities and the entities' definitions, and writes them in another format.

    Args:
        source: As `read_intents`.
        target: The file to write; what is there is replaced. Definitions of entities are written beside `clinic.jsonl`
            and `clinic.csv`, into `clinic.entities.json`, from where they are read again; without that file, these
            two hold no definitions.
        format: "jsonl", "csv", "rasa" (`nlu.yml`) or "clu" (a project to import); by the target's suffix if None.
        **reading: As `read_intents`.

    Returns:
        What was written.

    Raises:
        DataError: The source cannot be read; see `read_intents`.
        ConfigError: The target cannot be written, or is the source; or beside it stands a file of definitions that are
            of other data.

    Warns:
        DataWarning: What of the source was not read, and what the target's format cannot hold: how much and where.
    """
    path = Path(target)
    chosen = _format_of(path) if format is None else format
    check_choice("format", chosen, get_args(DataFormat))
    if not path.parent.is_dir() or path.is_dir():
        raise ConfigError(f"{str(path)!r} cannot be written: it is a folder, or in one that is not there")
    read = Path(source).resolve() if isinstance(source, (str, os.PathLike)) else None
    if read == path.resolve():
        raise ConfigError(f"{str(path)!r} is what would be read: name another file to write")
    rows, definitions = read_annotated(source, purpose="evaluation", **reading)
    beside, files = definition_file_of(path), [path]
    if definitions and chosen in ("jsonl", "csv"):
        files.append(beside)
    _check_beside(path, beside, definitions, written=beside in files)
    problems = Problems()
    if chosen not in ("jsonl", "csv") and any(row.annotated for row in rows):
        for row in rows:
            if not row.annotated:
                problems.leave_out("null in the place of entities", row.place)
    WRITERS[chosen](path, rows, definitions, problems)
    problems.report()
    marked = sum(len(row.entities) for row in rows)
    return Conversion(chosen, len(rows), marked, len(definitions.entities), tuple(files))


def _check_beside(path: Path, beside: Path, definitions: EntityDefinitions, *, written: bool) -> None:
    """Raises ConfigError if the definitions beside the target are of other data, and not to be replaced with it."""
    if not beside.exists() or read_definitions(beside) == definitions:
        return
    others = [
        other.name
        for other in path.parent.iterdir()
        if other not in (path, beside) and other.is_file() and definition_file_of(other) == beside
    ]
    if others or not (written and path.exists()):
        of = f"of {', '.join(sorted(others))}" if others else "of other data"
        raise ConfigError(f"{str(beside)!r} is {of} and would be read with {path.name!r}: name another file to write")


def _format_of(path: Path) -> DataFormat:
    try:
        return FORMAT_OF[path.suffix.lower()]
    except KeyError:
        raise ConfigError(
            f"{path.name!r} does not say in which format to write: end it in {', '.join(FORMAT_OF)}, or choose one of "
            f"{', '.join(WRITERS)}"
        ) from None
