"""A project of Conversational Language Understanding, to be imported there."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from intent_adapters.data.definitions import Definition, EntityDefinitions
from intent_adapters.data.problems import Problems
from intent_adapters.data.readers.exports.clu import UTF16
from intent_adapters.data.table import Row

_PREBUILT = {
    "date": "DateTime",
    "time": "DateTime",
    "number": "Quantity.Number",
    "amount": "Quantity.Currency",
    "phone": "PhoneNumber",
    "email": "Email",
    "url": "URL",
}


def write_clu(path: Path, rows: Sequence[Row], definitions: EntityDefinitions, problems: Problems) -> None:
    """Writes a project with the name of the file. Roles, groups and values of entities are left out, and said."""
    language = "ko" if any("가" <= letter <= "힣" for row in rows for letter in row.text) else "en-us"
    utterances = [
        {
            "text": row.text,
            "intent": row.label,
            "language": language,
            "dataset": "Train",
            "entities": _entities(row, problems),
        }
        for row in rows
    ]
    names = dict.fromkeys([*definitions.entities, *(entity.entity for row in rows for entity in row.entities)])
    for value in definitions.synonyms:
        problems.leave_out("synonyms of no entity", value)
    entities = [_entity(name, definitions.entities.get(name, Definition()), language, problems) for name in names]
    project = {
        "projectFileVersion": "2022-10-01-preview",
        "stringIndexType": UTF16,
        "metadata": {
            "projectKind": "Conversation",
            "settings": {"confidenceThreshold": 0},
            "projectName": path.stem,
            "multilingual": True,
            "description": "",
            "language": language,
        },
        "assets": {
            "projectKind": "Conversation",
            "intents": [{"category": label} for label in dict.fromkeys(row.label for row in rows)],
            "entities": entities,
            "utterances": utterances,
        },
    }
    path.write_text(json.dumps(project, ensure_ascii=False, indent=2) + "\n", encoding="utf-8", newline="\n")


def _entities(row: Row, problems: Problems) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    for entity in row.entities:
        differs = entity.value != row.text[entity.start : entity.end]
        for kind, lost in (("roles", entity.role), ("groups", entity.group), ("values", differs)):
            if lost:
                problems.leave_out(f"{kind} of entities in texts", row.place)
        start, end = (_units(row.text[:offset]) for offset in (entity.start, entity.end))
        found.append({"category": entity.entity, "offset": start, "length": end - start})
    return found


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _entity(name: str, definition: Definition, language: str, problems: Problems) -> Mapping[str, Any]:
    entity: dict[str, Any] = {"category": name, "compositionSetting": "combineComponents"}
    if definition.values:
        entity["list"] = {
            "sublists": [
                {"listKey": value, "synonyms": [{"language": language, "values": list(words)}]}
                for value, words in definition.values.items()
            ]
        }
    if definition.patterns:
        entity["regex"] = {
            "expressions": [
                {"regexKey": f"{name}-{number}", "language": language, "regexPattern": pattern}
                for number, pattern in enumerate(definition.patterns, start=1)
            ]
        }
    if definition.system:
        prebuilts = dict.fromkeys(_PREBUILT[kind] for kind in definition.system)
        entity["prebuilts"] = [{"category": prebuilt} for prebuilt in prebuilts]
        if len({"date", "time"}.intersection(definition.system)) == 1:
            problems.leave_out("kinds that are a date or a time alone", name)
    return entity
