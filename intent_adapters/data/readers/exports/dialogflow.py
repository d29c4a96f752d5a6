"""An agent of Dialogflow ES: the folder or zip of its export."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
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

_PHRASES = re.compile(r"(.+)_usersays_[A-Za-z0-9-]+")
_ENTRIES = re.compile(r"(.+)_entries_[A-Za-z0-9-]+")
_REFERENCE = re.compile(r"(?:^|\s)@(?:sys\.|[^\s@:]+:\S)")  # to an entity; me@example.org is none
_SETTINGS = {
    "allowFuzzyExtraction": "fuzzy matching of entities",
    "automatedExpansion": "automated expansion of entities",
}


def is_dialogflow(files: ExportFiles) -> bool:
    """Whether an export has the files of Dialogflow ES."""
    return files.has(r"agent\.json") and files.has(r"intents/[^/]+\.json")


def read_dialogflow(files: ExportFiles, problems: Problems) -> Table:
    """The training phrases of all languages with the entities marked in them, and the entities' entries.

    A phrase's parameter is the role of its entity. Templates, composite entries and what answers, contexts and events
    of intents are, are left out, and said.
    """
    table = Table(files.origin, ["text", "label", "entities"], lists_entities=True)
    labels: dict[str, str] = {}
    phrases: list[tuple[str, str]] = []
    for name, match in files.matching(r"intents/([^/]+)\.json"):
        if spoken := _PHRASES.fullmatch(match[1]):
            phrases.append((spoken[1], name))
            continue
        intent = an_object(files.read(name, problems), files.place(name), problems)
        labels[match[1]] = str(intent.get("name") or match[1])
        _leave_out_dialogue(intent, files.place(name), problems)
        _read_phrases(intent.get("userSays"), labels[match[1]], files.place(name), table, problems)
    for stem, name in phrases:
        _read_phrases(files.read(name, problems), labels.get(stem, stem), files.place(name), table, problems)
    table.definitions.extend(_entity_types(files, problems))
    files.passed_over(r"(?:agent|package)\.json")
    return table


def _leave_out_dialogue(intent: Mapping[str, Any], place: str, problems: Problems) -> None:
    responses = intent.get("responses")
    messages = [entry for entry in responses if isinstance(entry, dict)] if isinstance(responses, list) else []
    if any(entry.get(key) for entry in messages for key in ("messages", "affectedContexts", "action")):
        problems.leave_out("responses of intents", place)
    leave_out_keys(intent, {"contexts": "contexts of intents", "events": "events of intents"}, place, problems)


def _read_phrases(content: object, label: str, place: str, table: Table, problems: Problems) -> None:
    for here, phrase in objects(content, place, problems):
        if phrase.get("isTemplate"):
            problems.leave_out("templates", here)
            continue
        text, entities = "", []
        for _, part in objects(phrase.get("data"), here, problems):
            words, meta = str(part.get("text") or ""), part.get("meta")
            if isinstance(meta, str) and meta.startswith("@") and meta != "@sys.ignore" and words.strip():
                entity, alias = meta[1:], part.get("alias")
                is_own_name = str(alias).casefold() in (entity.casefold(), entity.casefold().removeprefix("sys."))
                role = None if not alias or is_own_name else alias
                entities.append({"start": len(text), "end": len(text) + len(words), "entity": entity, "role": role})
                if entity.startswith("sys."):
                    note_system_entity(entity, here, table, problems)
            text += words
        table.records.append(Record(here, {"text": text, "label": label, "entities": entities}))


def _entity_types(files: ExportFiles, problems: Problems) -> Iterator[DefinitionPart]:
    types: dict[str, dict[str, Any]] = {}
    entries: list[tuple[str, str]] = []
    for name, match in files.matching(r"entities/([^/]+)\.json"):
        if listed := _ENTRIES.fullmatch(match[1]):
            entries.append((listed[1], name))
            continue
        place = files.place(name)
        kind = types[match[1]] = an_object(files.read(name, problems), place, problems)
        leave_out_keys(kind, _SETTINGS, place, problems)
        entity = str(kind.get("name") or match[1])
        system = kinds_of_product(entity) if entity.startswith("sys.") else ()
        yield DefinitionPart(place, "entity definitions", entity, system=system)
        if "entries" in kind:  # as older exports have them
            yield _entries(kind["entries"], entity, kind, place, problems)
    for stem, name in entries:
        kind = types.get(stem, {})
        yield _entries(files.read(name, problems), str(kind.get("name") or stem), kind, files.place(name), problems)


def _entries(content: object, entity: str, kind: Mapping[str, Any], place: str, problems: Problems) -> DefinitionPart:
    values: dict[str, list[str]] = {}
    for here, entry in objects(content, place, problems):
        value = a_name(entry, "value", here, problems)
        words = strings(entry.get("synonyms"), here, problems)
        if any(_REFERENCE.search(word) for word in (value, *words)) and not kind.get("isRegexp"):
            problems.leave_out("entries of composite entities", here)
        elif value:
            values.setdefault(value, []).extend(words)
    if kind.get("isRegexp"):
        patterns = [word for value, words in values.items() for word in (value, *words)]
        return DefinitionPart(place, "entity definitions", entity, patterns=patterns)
    return DefinitionPart(place, "entity definitions", entity, values)
