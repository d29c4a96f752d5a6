"""JSON lines, with the definitions of the entities in a file beside them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from intent_adapters.data.definition_files import definition_file_of
from intent_adapters.data.definitions import EntityDefinitions
from intent_adapters.data.problems import Problems
from intent_adapters.data.table import Row


def write_jsonl(path: Path, rows: Sequence[Row], definitions: EntityDefinitions, problems: Problems) -> None:
    """Writes an object a row; where entities are marked in some, null for rows of which nobody said what they have."""
    lines, any_annotated = [], any(row.annotated for row in rows)
    for row in rows:
        values: dict[str, object] = {"text": row.text, "label": row.label}
        if any_annotated:
            values["entities"] = [entity.to_dict() for entity in row.entities] if row.annotated else None
        lines.append(json.dumps(values, ensure_ascii=False) + "\n")
    path.write_text("".join(lines), encoding="utf-8", newline="\n")
    if definitions:
        definitions.write(definition_file_of(path))
