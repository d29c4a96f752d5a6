"""Rows that are already in memory: `datasets` objects and lists of dicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from intent_adapters.data.columns import entity_column, find_columns, split_columns
from intent_adapters.data.problems import data_error
from intent_adapters.data.table import Record, Table, class_name
from intent_adapters.errors import shorten
from intent_adapters.extras import need

if TYPE_CHECKING:
    from datasets import Dataset


def table_of_object(
    rows: object,
    origin: str = "rows",
    text_column: str | None = None,
    label_column: str | None = None,
    also: Sequence[str] = (),
) -> Table:
    """The rows of a `datasets.Dataset` or of a list of dicts; ClassLabel numbers become their names.

    Of a dataset only the columns of the text, the label, the entities and the split, and those of `also` that it has,
    are read: others may hold sound or images.
    """
    need("datasets")
    from datasets import Dataset, DatasetDict, IterableDataset, IterableDatasetDict

    if isinstance(rows, Dataset):
        named = {*find_columns(origin, rows.column_names, text_column, label_column), *also}
        named |= {entity_column(rows.column_names), *split_columns(rows.column_names)}
        return _table_of_dataset(rows.select_columns([name for name in rows.column_names if name in named]), origin)
    if isinstance(rows, (IterableDataset, IterableDatasetDict)):
        raise data_error(origin, "the dataset is streamed", "load it without streaming=True: training needs all rows")
    if isinstance(rows, DatasetDict):
        splits = ", ".join(map(repr, rows))
        raise data_error(origin, f"this is a DatasetDict with the splits {splits}", "hand over one of them")
    if isinstance(rows, Sequence) and not isinstance(rows, (str, bytes)):
        return _table_of_dicts(rows, origin)
    cure = "give a datasets.Dataset or a list of dicts such as {'text': 'hello', 'label': 'greet'}"
    raise data_error(origin, f"cannot read rows from {type(rows).__name__} {shorten(rows)}", cure)


def choose_split(origin: str, splits: list[str], split: str | None) -> str:
    """The split to read: the one asked for, or the only one there is."""
    names = ", ".join(map(repr, splits))
    if not splits:
        raise data_error(origin, "there are no splits", "add one, such as 'train'")
    if split is None:
        if len(splits) == 1:
            return splits[0]
        raise data_error(origin, f"there are several splits: {names}", "choose one with split=")
    if split not in splits:
        raise data_error(origin, f"there is no split {split!r}", f"choose among: {names}")
    return split


def _table_of_dataset(dataset: Dataset, origin: str) -> Table:
    from datasets import ClassLabel

    dataset = dataset.with_format(None)
    columns: dict[str, list[object]] = {}
    for name, feature in dataset.features.items():
        values: list[object] = dataset[name][:]
        columns[name] = [class_name(feature.names, v) for v in values] if isinstance(feature, ClassLabel) else values
    return Table.of_columns(origin, columns, lambda row: f"{origin}[{row}]")


def _table_of_dicts(rows: Sequence[object], origin: str) -> Table:
    records = []
    for i, row in enumerate(rows):
        if not isinstance(row, Mapping):
            what = f"the row is not a dict but {type(row).__name__} {shorten(row)}"
            raise data_error(f"{origin}[{i}]", what, "write it as {'text': ..., 'label': ...}")
        records.append(Record(f"{origin}[{i}]", row))
    return Table.of_records(origin, records)
