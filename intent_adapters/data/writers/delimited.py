"""csv, with the entities of a row as JSON in a column and their definitions in a file beside it."""

from __future__ import annotations

import csv
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

from intent_adapters.data.definition_files import definition_file_of
from intent_adapters.data.definitions import EntityDefinitions
from intent_adapters.data.problems import Problems
from intent_adapters.data.row_files import cell_of
from intent_adapters.data.table import Row


def write_csv(path: Path, rows: Sequence[Row], definitions: EntityDefinitions, problems: Problems) -> None:
    """Writes text, label and, if entities are marked in any row, a column of them; each field in quotes."""
    annotated = any(row.annotated for row in rows)
    # Excel takes a csv file for UTF-8 only by its mark.
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        table = csv.writer(file, quoting=csv.QUOTE_ALL)
        table.writerow(["text", "label", "entities"][: 2 + annotated])
        for row in rows:
            text = str(cell_of(row.text))
            shift = len(text) - len(row.text)  # the offsets are those of the cell
            moved = (
                dataclasses.replace(entity, start=entity.start + shift, end=entity.end + shift)
                for entity in row.entities
            )
            marked = [entity.to_dict() for entity in moved] if row.annotated else None
            entities = "" if marked == [] else json.dumps(marked, ensure_ascii=False)
            table.writerow([text, cell_of(row.label), entities][: 2 + annotated])
    if definitions:
        definitions.write(definition_file_of(path))
