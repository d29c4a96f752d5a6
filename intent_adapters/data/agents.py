"""`find_agents`: whose labelled utterances are where, in a folder or a table of many agents."""

from __future__ import annotations

import dataclasses
import os
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from intent_adapters.data.columns import SPLIT_NAMES, rows_by_split
from intent_adapters.data.definition_files import definition_file_of, definition_files_in, is_definition_file
from intent_adapters.data.definitions import EntityDefinitions
from intent_adapters.data.folder import split_in
from intent_adapters.data.hub import is_saved_dataset, load_hub, load_saved
from intent_adapters.data.objects import table_of_object
from intent_adapters.data.problems import Problems, data_error
from intent_adapters.data.readers import READABLE, format_of, is_data_file, read_file, stem_of
from intent_adapters.data.reading import Source, read_annotated, read_rows
from intent_adapters.data.table import Record, Row, Table
from intent_adapters.data.texts import Texts, read_texts, texts_of
from intent_adapters.data.validation import is_empty
from intent_adapters.errors import shorten

AGENT_COLUMNS = ("agent", "bot", "chatbot", "에이전트", "챗봇", "봇")
# What the splits of an agent are called that are taken where none is named.
TRAINING = ("train", "training", "학습", "훈련")
TEST = ("test", "평가", "시험", "테스트", "heldout")
OUT_OF_SCOPE = "out_of_scope"
# What only explains the data beside it.
_NOTES = ("readme", "license", "licence", "sources")


@dataclasses.dataclass(frozen=True)
class AgentData:
    """Where the utterances of one agent are; nothing is read before it is asked for.

    Attributes:
        rows: What it is trained on, as `read_intents` takes it.
        split: The split of it; None if it has one alone.
        test: Utterances that it is not trained on, as `rows`; None if there are none.
        test_split: The split of them.
        out_of_scope: Utterances that it should reject: a file, as `read_texts` reads it, texts, or rows.
        settings: Of its training alone; they go before those of all agents. See `intent_adapters.train_agent`.
        columns: `text_column`, `label_column` and `encoding`, as for `read_intents`.
        definitions: Of entities, where its data defines none.
    """

    rows: Source
    split: str | None = None
    test: Source | None = None
    test_split: str | None = None
    out_of_scope: str | os.PathLike[str] | Texts | None = None
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    columns: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    definitions: EntityDefinitions | None = None

    def training_rows(self) -> list[Row]:
        """What it is trained on, checked; a DataError says what is wrong with it."""
        return read_rows(self.rows, split=self.split, **self.columns)

    def annotated_rows(self) -> tuple[list[Row], EntityDefinitions]:
        """What it is trained on, and what is said of its entities, checked as `training_rows`."""
        rows, defined = read_annotated(self.rows, split=self.split, **self.columns)
        return rows, defined or self.definitions or defined

    def test_rows(self) -> list[Row]:
        """What it is not trained on, checked as for an evaluation; empty if there is nothing."""
        if self.test is None:
            return []
        return read_rows(self.test, split=self.test_split, purpose="evaluation", **self.columns)

    def rejected_texts(self) -> list[str] | None:
        """The utterances that it should reject; None if there are none."""
        if self.out_of_scope is None:
            return None
        if isinstance(self.out_of_scope, (str, os.PathLike)):
            return read_texts(os.fspath(self.out_of_scope), encoding=self.columns.get("encoding"))
        return texts_of(self.out_of_scope, "out_of_scope")


def find_agents(
    source: str | os.PathLike[str],
    *,
    split: str | None = None,
    test_split: str | None = None,
    agent_column: str | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
    encoding: str | None = None,
) -> dict[str, AgentData]:
    """Finds the agents in a folder of their data, or in one table.

    In a folder each file and each subfolder is an agent and named like it: a file or folder as `read_intents` reads
    them. Of a subfolder with a split `train` (or 학습), that is what the agent is trained on, the split `test` (or
    평가) what it is not, and a file `out_of_scope` what it should reject.

    A table is a file, or a data set on the Hub or saved by `save_to_disk`, with a column that says whose a row is.

    Args:
        source: The folder, the file, or the name of the data set.
        split: The split to train on, of every agent. None: as above; all rows where there are no splits.
        test_split: The split that no agent is trained on. None: as above.
        agent_column: The column with the names of the agents; found by its name (`agent`, `bot`, 챗봇) if None.
        text_column: As for `read_intents`.
        label_column: As for `read_intents`.
        encoding: As for `read_intents`.

    Returns:
        Where the data of each agent is, by its name; whether an agent can be called so is not checked here.

    Raises:
        DataError: There are no agents, or the table cannot be read. What is wrong with the rows of an agent shows when
            these are read.

    Warns:
        DataWarning: What of the folder is left out.
    """
    path, place = Path(source), os.fspath(source)
    columns = {"text_column": text_column, "label_column": label_column, "encoding": encoding}
    if path.is_dir() and not is_saved_dataset(path):
        places = _places(path)
        return {name: _of_place(places[name], split, test_split, columns) for name in places}
    table = _table(path, place, agent_column, columns)
    return {name: _of_table(part, split, test_split, columns) for name, part in _by_agent(table, agent_column).items()}


def _places(folder: Path) -> dict[str, Path]:
    """The file or folder of each agent, by its name."""
    problems, found = Problems(), dict[str, Path]()
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.stem.casefold() in _NOTES or is_definition_file(path):
            continue
        if not path.is_dir() and format_of(path) not in READABLE:
            if is_data_file(path):
                problems.leave_out("other files", str(path))
            continue
        name = unicodedata.normalize("NFC", path.name if path.is_dir() else stem_of(path))
        if name.casefold() in SPLIT_NAMES:
            cure = "train that with `train`, or give the folder above it"
            raise data_error(str(folder), f"{path.name} is a split, so that this is the folder of one agent", cure)
        if name in found:
            what = f"{found[name].name} and {path.name} are both of an agent {shorten(name)}"
            raise data_error(str(folder), what, "put them into one folder of that name")
        found[name] = path
    if not found:
        cure = f"it should hold a folder, or a file ({', '.join(READABLE)}), for each agent"
        raise data_error(str(folder), "the folder holds no data of agents", cure)
    for path in set(definition_files_in(folder)).difference(map(definition_file_of, found.values())):
        problems.leave_out("files of entity definitions of no agent", str(path))
    problems.report()
    return found


def _of_place(place: Path, split: str | None, test_split: str | None, columns: Mapping[str, Any]) -> AgentData:
    rejected = None
    if place.is_dir():
        split = split or split_in(place, TRAINING)
        # Without a split to train on, all files are read as rows, and refused if they have splits after all.
        test_split = test_split or (split_in(place, TEST) if split else None)
        files = (path for path in sorted(place.iterdir()) if path.is_file() and stem_of(path) == OUT_OF_SCOPE)
        rejected = next(files, None) if split else None
    test = place if test_split else None
    return AgentData(place, split, test, test_split, out_of_scope=rejected, columns=columns)


def _of_table(table: Table, split: str | None, test_split: str | None, columns: Mapping[str, Any]) -> AgentData:
    if splits := rows_by_split(table):
        split = split or next((name for name in splits if name.casefold() in TRAINING), None)
        test_split = test_split or next((name for name in splits if name.casefold() in TEST), None)
    return AgentData(table, split, table if test_split else None, test_split, columns=columns)


def _table(path: Path, place: str, agent_column: str | None, columns: Mapping[str, Any]) -> Table:
    if path.is_file():
        problems = Problems()
        table = read_file(path, problems, columns.get("encoding"))
        problems.report()
        return table
    loaded = load_saved(path) if path.is_dir() else load_hub(place)
    from datasets import DatasetDict

    parts = dict(loaded) if isinstance(loaded, DatasetDict) else {"": loaded}
    records, names = list[Record](), list[str]()
    for split, rows in parts.items():
        part = table_of_object(
            rows,
            f"{place}/{split}" if split else place,
            columns.get("text_column"),
            columns.get("label_column"),
            also=[agent_column] if agent_column else [name for name in rows.column_names if _is_usual(name)],
        )
        # So that a table has all splits, as a file has.
        added = {"split": split} if len(parts) > 1 else {}
        records += [Record(record.place, {**record.values, **added}) for record in part.records]
        names = [*part.columns, *(name for name in added if name not in part.columns)]
    return Table(place, names, records)


def _by_agent(table: Table, agent_column: str | None) -> dict[str, Table]:
    """The rows of each agent, in their order."""
    column = agent_column or next((name for name in table.columns if _is_usual(name)), None)
    if column not in table.columns:
        what = "no column says whose a row is" if column is None else f"there is no column {column!r}"
        cure = f"name it with agent_column=; the columns are: {', '.join(map(shorten, table.columns[:20]))}"
        raise data_error(table.origin, what, cure)
    problems, records = Problems(), dict[str, list[Record]]()
    for record in table.records:
        value = record.values.get(column)
        if is_empty(value):
            problems.add(record.place, "no agent is named", "write whose the row is, or delete it")
        else:
            records.setdefault(unicodedata.normalize("NFC", str(value).strip()), []).append(record)
    problems.report()
    if not records:
        raise data_error(table.origin, "there are no rows", "add one for each utterance: agent, text and label")

    def quoted(name: str) -> list[Record]:
        return [line for line in table.quoted if str(line.values.get(column)).strip() == name]

    return {name: dataclasses.replace(table, records=rows, quoted=quoted(name)) for name, rows in records.items()}


def _is_usual(column: str) -> bool:
    return column.strip().casefold() in AGENT_COLUMNS
