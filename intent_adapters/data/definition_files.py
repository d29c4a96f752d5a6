"""Files of entity definitions beside files of utterances."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from intent_adapters.data.definitions import (
    FILE_NAME,
    DefinitionPart,
    EntityDefinitions,
    definitions_of,
    parts_of_document,
)
from intent_adapters.data.json_text import loads
from intent_adapters.data.problems import Problems, data_error
from intent_adapters.data.readers import stem_of
from intent_adapters.data.readers.text_file import read_text


def read_definitions(path: str | Path) -> EntityDefinitions:
    """Reads `entities.json`.

    Args:
        path: The file.

    Returns:
        What it says of each entity.

    Raises:
        DataError: It cannot be read, or something in it is no definition; up to ten problems with their places.
    """
    problems = Problems()
    return _checked(read_definition_file(Path(path), problems), problems)


def definitions_from(document: Mapping[str, object]) -> EntityDefinitions:
    """The definitions that `EntityDefinitions.to_dict` gave."""
    problems = Problems()
    return _checked(parts_of_document(document, FILE_NAME, problems), problems)


def _checked(parts: Iterable[DefinitionPart], problems: Problems) -> EntityDefinitions:
    definitions = definitions_of(parts, problems)
    problems.report()
    return definitions


def read_definition_file(path: Path, problems: Problems, encoding: str | None = None) -> list[DefinitionPart]:
    """What an `entities.json` says, part by part."""
    try:
        document = loads(read_text(path, encoding), str(path), problems)
    except (ValueError, RecursionError) as error:
        raise data_error(str(path), f"broken JSON ({error})", "write it as the documentation shows") from error
    if not isinstance(document, dict):
        raise data_error(str(path), "this is no JSON object", 'write {"entities": {"city": {"values": {}}}}')
    return parts_of_document(document, str(path), problems)


def definition_file_of(path: Path) -> Path:
    """Where the definitions of a file of utterances are: `clinic.entities.json` for `clinic.jsonl`."""
    return path.with_name(f"{stem_of(path)}.{FILE_NAME}")


def is_definition_file(path: Path) -> bool:
    """Whether a file is named as one of definitions."""
    return path.name == FILE_NAME or path.name.endswith(f".{FILE_NAME}")


def definition_files_in(folder: Path) -> Iterable[Path]:
    """The files of definitions in a folder of data."""
    return sorted(path for path in folder.iterdir() if path.is_file() and is_definition_file(path))
