"""`read_intents`: labelled utterances from wherever they are kept."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from intent_adapters.data.columns import pick_examples, rows_by_split
from intent_adapters.data.definition_files import definition_file_of, definition_files_in, read_definition_file
from intent_adapters.data.definitions import FILE_NAME as DEFINITION_FILE
from intent_adapters.data.definitions import DefinitionPart, EntityDefinitions, definitions_of
from intent_adapters.data.folder import read_folder
from intent_adapters.data.hub import is_saved_dataset, load_hub, load_saved
from intent_adapters.data.objects import choose_split, table_of_object
from intent_adapters.data.problems import Problems, data_error
from intent_adapters.data.readers import read_file
from intent_adapters.data.table import Example, Row, Table
from intent_adapters.data.validation import Purpose, check_examples, dataset_of, is_empty
from intent_adapters.errors import DataError
from intent_adapters.extras import need

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

Source: TypeAlias = "str | os.PathLike[str] | Dataset | DatasetDict | Sequence[Mapping[str, object]] | Table"


def read_intents(
    source: Source,
    *,
    text_column: str | None = None,
    label_column: str | None = None,
    split: str | None = None,
    add: Sequence[str | os.PathLike[str]] = (),
    purpose: Purpose = "training",
    entities: bool = False,
    encoding: str | None = None,
    subset: str | None = None,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_dir: str | None = None,
) -> Dataset:
    """Reads labelled utterances and checks them.

    Args:
        source: A `datasets.Dataset` or `DatasetDict`, a list of dicts, the path of a file (csv, tsv, jsonl, json,
            xlsx, parquet, Rasa nlu.yml; those of text also with .gz; an export of CLU or LUIS, or the archive of one
            of Dialogflow ES, wit.ai, Lex V2 or Botpress) or of a folder (see `read_folder`; also one that
            `save_to_disk` wrote), or the name of a data set on the Hub. A path that exists wins over a Hub name.
        text_column: The column of the utterances; found by its name if None.
        label_column: The column of the intents; found by its name if None. ClassLabel numbers become their names.
        split: Which part of a folder, `DatasetDict` or Hub data set to read, which sheet of a workbook, or which rows
            of a file with a column `split` or `partition`; may be None if there is only one.
        add: Files with more rows. Those without a label are left out: `intent_adapters.evaluation.review` writes files
            that somebody labels in part.
        purpose: "training" (at least two intents, no text with two of them, repeated rows dropped) or "evaluation"
            (rows as they are); see `validate_rows`.
        entities: Read what is marked in the utterances too. A csv file has it in a column `entities`, as JSON.
        encoding: Encoding of text files; UTF-8 if None.
        subset: The configuration of a Hub data set.
        revision: Branch, tag or commit of a Hub data set.
        token: As in `datasets.load_dataset`.
        cache_dir: As in `datasets.load_dataset`.

    Returns:
        A dataset with exactly the string columns `text` and `label`, rows in their order; with `entities`, also a
        column of lists of objects with `start`, `end` (offsets in characters of `text`), `entity`, `value`, `role` and
        `group`.

    Raises:
        DataError: Up to ten problems, each with file, line and cure; see `validate_rows` for what is checked.
        MissingExtraError: For xlsx without openpyxl.

    Warns:
        DataWarning: What was left out, how much and where: blank rows, repeated rows, other sections of Rasa files,
            other files of a folder, rows of `add` without a label, definitions of entities, which `read_annotated`
            reads; and labels that look alike.
    """
    rows, _ = _read(
        source,
        entities=entities,
        definitions=False,
        text_column=text_column,
        label_column=label_column,
        split=split,
        add=add,
        purpose=purpose,
        encoding=encoding,
        subset=subset,
        revision=revision,
        token=token,
        cache_dir=cache_dir,
    )
    return dataset_of(rows, entities=entities)


def read_rows(source: Source, *, entities: bool = False, **reading: Any) -> list[Row]:
    """As `read_intents`, but each row still knows where it was written."""
    return _read(source, entities=entities, definitions=False, **reading)[0]


def read_annotated(source: Source, **reading: Any) -> tuple[list[Row], EntityDefinitions]:
    """Reads labelled utterances with what is marked in them, and what the source says of entities apart from that.

    Args:
        source: As `read_intents`.
        **reading: As `read_intents`.

    Returns:
        The rows, each with its place, text, label and entities; and the definitions of entities: of Rasa's synonyms,
        regexes and lookup tables, of an export, of `clinic.entities.json` beside a file `clinic.jsonl`, of
        `entities.json` in a folder.

    Raises:
        DataError: As `read_intents`; also for what is no entity of its text, and what is no definition.
    """
    return _read(source, entities=True, definitions=True, **reading)


def _read(
    source: Source,
    *,
    entities: bool,
    definitions: bool,
    text_column: str | None = None,
    label_column: str | None = None,
    split: str | None = None,
    add: Sequence[str | os.PathLike[str]] = (),
    purpose: Purpose = "training",
    encoding: str | None = None,
    subset: str | None = None,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_dir: str | None = None,
) -> tuple[list[Row], EntityDefinitions]:
    problems = Problems()
    columns = (text_column, label_column)
    origin = "rows"
    files: list[Path] = []
    if not isinstance(source, (str, os.PathLike)):
        tables = [_table_of_rows(source, origin, split, *columns)]
    else:
        path, origin = Path(source), os.fspath(source)
        if not origin.strip():
            raise data_error("source", "the path is empty", "give a file, a folder or the name of a data set")
        if not _exists(path):
            loaded = load_hub(origin, subset=subset, revision=revision, token=token, cache_dir=cache_dir)
            tables = [_table_of_rows(loaded, origin, split, *columns)]
        elif is_saved_dataset(path):
            tables = [_table_of_rows(load_saved(path), origin, split, *columns)]
        elif path.is_dir():
            tables = read_folder(path, split, problems, encoding)
            files += definition_files_in(path)
        else:
            tables = [_read_file(path, split, problems, encoding)]
            files.append(definition_file_of(path))
    if len(tables) == 1:
        origin = tables[0].origin
    examples = _pick(tables, *columns, problems)
    for more in map(Path, add):
        tables.append(_read_file(more, None, problems, encoding))
        files.append(definition_file_of(more))
        for example in _pick(tables[-1:], *columns, problems):
            if is_empty(example.label):
                problems.leave_out("rows without a label", example.place)
            else:
                examples.append(example)
    parts = _definition_parts(tables, files, definitions, problems, encoding)
    defined = definitions_of(_without_features(parts, examples, problems), problems)
    return check_examples(origin, examples, problems, purpose, entities=entities), defined


def _definition_parts(
    tables: list[Table], files: list[Path], wanted: bool, problems: Problems, encoding: str | None
) -> list[DefinitionPart]:
    parts = []
    for table in tables:
        if wanted:
            problems.take(table.definition_problems)
            parts += table.definitions
        else:
            table.leave_out_definitions(problems)
    for file in files:
        if file.is_file() and wanted:
            parts += read_definition_file(file, problems, encoding)
        elif file.is_file():
            problems.leave_out("files of entity definitions", str(file))
        elif wanted and file.with_name(DEFINITION_FILE).is_file():
            what = "entity definitions that are read with the whole folder"
            problems.leave_out(what, str(file.with_name(DEFINITION_FILE)))
    return parts


def _without_features(
    parts: list[DefinitionPart], examples: list[Example], problems: Problems
) -> Iterator[DefinitionPart]:
    """All but Rasa's regexes that are named as an intent and as no entity: they are hints for that intent."""
    labels = {example.label for example in examples if isinstance(example.label, str)}
    marked = {
        entry.get("entity")
        for example in examples
        if isinstance(example.entities, list)
        for entry in example.entities
        if isinstance(entry, dict) and isinstance(entry.get("entity"), str)
    }
    for part in parts:
        if part.kind == "regex tables" and part.entity in labels - marked:
            problems.leave_out("regexes for intents", part.place)
        else:
            yield part


def _table_of_rows(
    rows: object, origin: str, split: str | None, text_column: str | None, label_column: str | None
) -> Table:
    if isinstance(rows, Table):
        return _part_of(rows, split)
    need("datasets")
    from datasets import DatasetDict

    if isinstance(rows, DatasetDict):
        split = choose_split(origin, list(rows), split)
        return table_of_object(rows[split], f"{origin}/{split}", text_column, label_column)
    if split is not None:
        raise data_error(origin, f"a {type(rows).__name__} has no splits to choose from", "leave split= out")
    return table_of_object(rows, origin, text_column, label_column)


def _read_file(path: Path, split: str | None, problems: Problems, encoding: str | None) -> Table:
    if not path.exists():
        raise data_error(str(path), "there is no such file", "check the path and the working directory")
    if not path.is_file():
        raise data_error(str(path), "this is neither a file nor a folder", "copy its content into a file")
    return _part_of(read_file(path, problems, encoding, split), split)


def _part_of(table: Table, split: str | None) -> Table:
    """The rows of one split of a table; all of them if none is asked for."""
    if split is None or split == table.part:
        return table
    splits = rows_by_split(table)
    if not splits:
        raise data_error(table.origin, f"one file has no split {split!r}", "leave split= out, or give its folder")
    return dataclasses.replace(table, records=splits[choose_split(table.origin, list(splits), split)])


def _pick(tables: list[Table], text_column: str | None, label_column: str | None, problems: Problems) -> list[Example]:
    # Of formats that have a list for each row, one that is empty says something only where others are not.
    listed = [record.values["entities"] for table in tables if table.lists_entities for record in table.records]
    silent = not any(listed)
    try:
        return [
            dataclasses.replace(example, entities=None) if silent and table.lists_entities else example
            for table in tables
            for example in pick_examples(table, problems, text_column, label_column)
        ]
    except DataError:
        # A file so broken that its columns were not found is described better by its broken lines.
        problems.report()
        raise


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False
