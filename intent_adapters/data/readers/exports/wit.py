"""An app of wit.ai: the folder or zip of its export."""

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
    characters_of_units,
    leave_out_keys,
    objects,
    strings,
)
from intent_adapters.data.system_entities import kinds_of_product
from intent_adapters.data.table import Record, Table


def is_wit(files: ExportFiles) -> bool:
    """Whether an export has the files of wit.ai."""
    return files.has(r"app\.json") and files.has(r"utterances/[^/]+\.json")


def read_wit(files: ExportFiles, problems: Problems) -> Table:
    """The utterances that have an intent, with their entities, and the keywords of the entities.

    Traits, entities in entities, and utterances without an intent are left out, and said.
    """
    table = Table(files.origin, ["text", "label", "entities"], lists_entities=True)
    for name, _ in files.matching(r"utterances/[^/]+\.json"):
        document = an_object(files.read(name, problems), files.place(name), problems)
        for place, utterance in objects(document.get("utterances"), files.place(name), problems):
            text, intent = utterance.get("text"), utterance.get("intent")
            leave_out_keys(utterance, {"traits": "traits"}, place, problems)
            entities = list(_entities(utterance, str(text), place, problems))
            if intent:
                table.records.append(Record(place, {"text": text, "label": intent, "entities": entities}))
            else:
                problems.leave_out("utterances without an intent", place)
    table.definitions.extend(_definitions(files, problems))
    files.passed_over(r"app\.json")
    files.passed_over(r"intents/[^/]+\.json")
    return table


def _entities(utterance: Mapping[str, Any], text: str, place: str, problems: Problems) -> Iterator[dict[str, object]]:
    for _, entry in objects(utterance.get("entities"), place, problems):
        leave_out_keys(entry, {"entities": "entities in entities"}, place, problems)
        offsets = _offsets(entry, text)
        if offsets is None:
            problems.leave_out("entities whose `body` is not in the utterance", place)
            continue
        entity, _, role = str(entry.get("entity") or "").partition(":")
        # A built-in entity has its own name as the role of which nothing is said: wit$datetime:datetime.
        is_own_name = role in ("", entity, entity.removeprefix("wit$"))
        start, end = offsets
        yield {"start": start, "end": end, "entity": entity or None, "role": None if is_own_name else role}


def _offsets(entry: Mapping[str, Any], text: str) -> tuple[object, object] | None:
    """Where `body` is: at `start` in characters or UTF-16 code units, else nearest to it.

    What is exported has ends behind the end of the text, where space was cut off.
    """
    start, end, body = entry.get("start"), entry.get("end"), entry.get("body")
    if not isinstance(start, int) or not isinstance(body, str) or not body:
        return start, end
    places = [found.start() for found in re.finditer(f"(?={re.escape(body)})", text)]
    exact = (start, characters_of_units(text, start))
    best = min(places, key=lambda place: (place not in exact, abs(place - start)), default=None)
    return None if best is None else (best, best + len(body))


def _definitions(files: ExportFiles, problems: Problems) -> Iterator[DefinitionPart]:
    for name, match in files.matching(r"entities/([^/]+)\.json"):
        place = files.place(name)
        document = an_object(files.read(name, problems), place, problems)
        entity = str(document.get("name") or match[1])
        values: dict[str, list[str]] = {}
        for here, keyword in objects(document.get("keywords"), place, problems):
            if value := a_name(keyword, "keyword", here, problems):
                values.setdefault(value, []).extend(strings(keyword.get("synonyms"), here, problems))
        kinds = kinds_of_product(entity) if entity.startswith("wit$") else ()
        if entity.startswith("wit$") and not kinds:
            problems.leave_out("what built-in entities without a counterpart look like", place)
        yield DefinitionPart(place, "entity definitions", entity, values, system=kinds)
