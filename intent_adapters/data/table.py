"""What every reader hands on: rows that still know where they were written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from intent_adapters.data.annotations import EntityAnnotation
from intent_adapters.data.definitions import DefinitionPart
from intent_adapters.data.problems import Problems, data_error
from intent_adapters.errors import shorten


@dataclass(frozen=True, slots=True)
class Record:
    """One row: its place as `file:line` (or `rows[3]`, or `file.parquet:row 4`) and its values by column name."""

    place: str
    values: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Example:
    """One row after its columns were found; the values are still unchecked."""

    place: str
    text: object
    label: object
    entities: object = None


@dataclass(frozen=True, slots=True)
class Row:
    """One row that was checked: its place, and text and label as training takes them; entities only if asked for.

    Where it is not `annotated`, nobody said what entities it has, and `entities` is empty.
    """

    place: str
    text: str
    label: str
    entities: tuple[EntityAnnotation, ...] = ()
    annotated: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of one source.

    Attributes:
        origin: The file, Hub name or argument that error messages name.
        columns: Column names in the order of the source.
        records: The rows.
        quoted: Lines inside quoted fields that have as many fields as a row: they are rows if a quotation mark is
            wrong.
        part: Which part of the source this is, where it has parts, such as sheets.
        definitions: What it says of entities apart from the rows.
        definition_problems: What is wrong with that, for who wants it.
        lists_entities: Whether its format has a list of entities for each row, be they marked or not.
    """

    origin: str
    columns: list[str]
    records: list[Record] = field(default_factory=list)
    quoted: list[Record] = field(default_factory=list)
    part: str | None = None
    definitions: list[DefinitionPart] = field(default_factory=list)
    definition_problems: Problems = field(default_factory=Problems)
    lists_entities: bool = False

    def leave_out_definitions(self, problems: Problems) -> None:
        """Says that only the rows are used."""
        for part in self.definitions:
            problems.leave_out(part.kind, part.place)

    @classmethod
    def of_columns(cls, origin: str, columns: Mapping[str, Sequence[object]], place: Callable[[int], str]) -> Table:
        """A table of values by column, with the place of each row by its number from 0."""
        rows = zip(*columns.values(), strict=True)
        records = [Record(place(number), dict(zip(columns, row, strict=True))) for number, row in enumerate(rows)]
        return cls(origin, list(columns), records)

    @classmethod
    def of_records(cls, origin: str, records: list[Record]) -> Table:
        """A table whose columns are all keys of its rows, in order of appearance; without rows, the usual two."""
        names = dict.fromkeys(key for record in records for key in record.values if isinstance(key, str))
        return cls(origin, list(names) if records else ["text", "label"], records)


def check_names(place: str, columns: list[str]) -> None:
    """Refuses column names of which one, other than the empty one, occurs twice: one of its values would be lost."""
    repeated = sorted({name for name in columns if name and columns.count(name) > 1})
    if repeated:
        raise data_error(place, f"column {shorten(repeated[0])} occurs twice", "give each column its own name")


def class_name(names: Sequence[str], value: object) -> str | None:
    """The name of a class number; -1, the Hub's mark for unlabelled test rows, counts as missing."""
    return names[value] if isinstance(value, int) and 0 <= value < len(names) else None
