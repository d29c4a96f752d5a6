"""One file a format; each writer says what of the rows and definitions its format cannot hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from intent_adapters.choices import DataFormat
from intent_adapters.data.definitions import EntityDefinitions
from intent_adapters.data.problems import Problems
from intent_adapters.data.table import Row
from intent_adapters.data.writers.clu import write_clu
from intent_adapters.data.writers.delimited import write_csv
from intent_adapters.data.writers.json_rows import write_jsonl
from intent_adapters.data.writers.rasa import write_rasa

Writer = Callable[[Path, Sequence[Row], EntityDefinitions, Problems], None]

WRITERS: dict[DataFormat, Writer] = {"jsonl": write_jsonl, "csv": write_csv, "rasa": write_rasa, "clu": write_clu}
FORMAT_OF: dict[str, DataFormat] = {".jsonl": "jsonl", ".csv": "csv", ".yml": "rasa", ".yaml": "rasa", ".json": "clu"}
