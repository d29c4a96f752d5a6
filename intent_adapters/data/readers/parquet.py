"""Parquet files, such as the Hub's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from intent_adapters.data.problems import data_error, reason_of
from intent_adapters.data.table import Table, check_names, class_name

if TYPE_CHECKING:
    import pyarrow as pa


def read_parquet(path: Path) -> Table:
    """Reads a parquet file; places are row numbers, counted from 1. ClassLabel numbers become their names."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # ParquetFile and not read_table: the latter also opens folders and remote addresses.
        with pq.ParquetFile(path) as file:
            check_names(str(path), file.schema_arrow.names)
            table = file.read()
        columns: dict[str, list[object]] = {name: table.column(name).to_pylist() for name in table.column_names}
    # A date or a time that Python cannot hold overflows.
    except (pa.ArrowException, OSError, ValueError, KeyError, OverflowError) as error:
        cure = "write it again, for example with Dataset.to_parquet"
        raise data_error(str(path), f"not a readable parquet file ({reason_of(error)})", cure) from error
    for name, classes in _class_names(table.schema).items():
        if name in columns:
            columns[name] = [class_name(classes, value) for value in columns[name]]
    return Table.of_columns(str(path), columns, lambda row: f"{path}:row {row + 1}")


def _class_names(schema: pa.Schema) -> dict[str, list[str]]:
    """The class names that `datasets` notes in the file's metadata, by column."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {
            name: [str(label) for label in feature["names"]]
            for name, feature in features.items()
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
        }
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}
