"""The intents and entities of a bot of Botpress 12: its folder, or the archive of it."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from typing import Any

from intent_adapters.data.definitions import DefinitionPart
from intent_adapters.data.problems import Problems
from intent_adapters.data.readers.exports.files import ExportFiles
from intent_adapters.data.readers.exports.values import (
    a_name,
    an_object,
    leave_out_keys,
    note_system_entity,
    objects,
    strings,
)
from intent_adapters.data.system_entities import kinds_of_product
from intent_adapters.data.table import Record, Table

_SLOT = re.compile(r"\[([^\[\]]+)\]\(([^()]+)\)")
_SETTINGS = {
    "fuzzy": "fuzzy matching of entities",
    "sensitive": "marks of sensitive entities",
    "examples": "examples of patterns",
}


def is_botpress(files: ExportFiles) -> bool:
    """Whether an export has intents as Botpress has them: a file each, with `utterances`."""
    intents = [files.read(name, Problems()) for name, _ in files.matching(r"intents/[^/]+\.json")]
    return any(isinstance(intent, dict) and "utterances" in intent for intent in intents)


def read_botpress(files: ExportFiles, problems: Problems) -> Table:
    """The utterances of all languages with the slots marked in them, and lists and patterns as definitions.

    A slot is an entity of the first kind that it takes, with the slot's name as its role; one that takes anything is
    an entity of its own. The further kinds of a slot are left out, and said.
    """
    table = Table(files.origin, ["text", "label", "entities"], lists_entities=True)
    table.definitions.extend(_definitions(files, problems))
    own = {part.entity for part in table.definitions}
    for name, match in files.matching(r"intents/([^/]+)\.json"):
        place = files.place(name)
        intent = an_object(files.read(name, problems), place, problems)
        slots = dict(_slots(intent, place, own, table, problems))
        spoken = intent.get("utterances")
        by_language = spoken if isinstance(spoken, dict) else {"utterances": spoken}
        for language, utterances in by_language.items():
            for number, utterance in enumerate(strings(utterances, f"{place}: {language}", problems)):
                text, entities = _parsed(utterance, slots)
                values = {"text": text, "label": intent.get("name") or match[1], "entities": entities}
                table.records.append(Record(f"{place}: {language}[{number}]", values))
    return table


def _slots(
    intent: Mapping[str, Any], place: str, own: Container[str | None], table: Table, problems: Problems
) -> Iterator[tuple[str, tuple[str, str | None]]]:
    for here, slot in objects(intent.get("slots"), f"{place}: slots", problems):
        name = a_name(slot, "name", here, problems)
        kinds = [kind for kind in strings(slot.get("entities"), here, problems) if kind != "any"]
        for _ in kinds[1:]:
            problems.leave_out("further kinds of slots", here)
        entity = kinds[0] if kinds else name
        system = kinds_of_product(entity)
        if entity.startswith("system.") or (system and kinds and entity not in own):  # older bots without `system.`
            system = ("date", "time") if system == ("time",) else system  # of which Botpress says that dates are too
            note_system_entity(entity, here, table, problems, system)
        yield name, (entity, None if name == entity else name)


def _parsed(utterance: str, slots: Mapping[str, tuple[str, str | None]]) -> tuple[str, list[dict[str, object]]]:
    text, position = "", 0
    entities: list[dict[str, object]] = []
    for found in _SLOT.finditer(utterance):
        text += utterance[position : found.start()]
        entity, role = slots.get(found[2], (found[2], None))
        entities.append({"start": len(text), "end": len(text) + len(found[1]), "entity": entity, "role": role})
        text, position = text + found[1], found.end()
    return text + utterance[position:], entities


def _definitions(files: ExportFiles, problems: Problems) -> Iterator[DefinitionPart]:
    for name, match in files.matching(r"entities/([^/]+)\.json"):
        place = files.place(name)
        document = an_object(files.read(name, problems), place, problems)
        values: dict[str, list[str]] = {}
        for here, occurrence in objects(document.get("occurrences"), place, problems):
            if value := a_name(occurrence, "name", here, problems):
                values.setdefault(value, []).extend(strings(occurrence.get("synonyms"), here, problems))
        pattern = document.get("pattern")
        if pattern and document.get("matchCase") is False:
            pattern = f"(?i){pattern}"
        leave_out_keys(document, _SETTINGS, place, problems)
        patterns = [pattern] if isinstance(pattern, str) and pattern else []
        entity = str(document.get("name") or match[1])
        yield DefinitionPart(place, "entity definitions", entity, values, patterns)
