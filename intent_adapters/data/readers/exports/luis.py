"""An app of LUIS, as its export in JSON has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from intent_adapters.data.definitions import DefinitionPart
from intent_adapters.data.problems import Problems
from intent_adapters.data.readers.exports.values import a_name, characters_of_units, leave_out_keys, objects, strings
from intent_adapters.data.system_entities import kinds_of_product
from intent_adapters.data.table import Record, Table

_NOT_READ = {
    "patterns": "patterns",
    "patternAnyEntities": "pattern.any entities",
    "phraselists": "phrase lists",
    "model_features": "phrase lists",
    "regex_features": "pattern features",
    "actions": "actions",
}
_NOT_READ_OF_ENTITIES = {"children": "which parts entities have", "features": "features of entities"}


def read_luis(origin: str, document: Mapping[str, Any], problems: Problems) -> Table:
    """The labelled utterances and the list, regular-expression and prebuilt entities.

    Offsets are taken for UTF-16 code units, as those of CLU are. Parts of an entity are entities of their own.
    Patterns, phrase lists, features and prebuilt entities that have no kind here are left out, and said; so is what is
    marked in apps of schema version 1, whose offsets count words and punctuation marks.
    """
    in_words = str(document["luis_schema_version"]).startswith("1.")
    columns = ["text", "label"] if in_words else ["text", "label", "entities"]
    table = Table(origin, columns, lists_entities=not in_words)
    for place, utterance in objects(document.get("utterances"), f"{origin}: utterances", problems):
        text = utterance.get("text")
        values = {"text": text, "label": utterance.get("intent")}
        if in_words:
            leave_out_keys(utterance, {"entities": "entities with offsets in words"}, place, problems)
        else:
            values["entities"] = list(_entities(utterance.get("entities"), str(text), place, problems))
        table.records.append(Record(place, values))
    leave_out_keys(document, _NOT_READ, origin, problems)
    table.definitions.extend(_definitions(origin, document, problems))
    return table


def _entities(content: object, text: str, place: str, problems: Problems) -> Iterator[dict[str, object]]:
    for _, entry in objects(content, place, problems):
        start, last = entry.get("startPos"), entry.get("endPos")
        end = last + 1 if isinstance(last, int) else last
        others = {key: value for key, value in entry.items() if key not in ("startPos", "endPos", "children", "text")}
        yield {**others, "start": characters_of_units(text, start), "end": characters_of_units(text, end)}
        yield from _entities(entry.get("children"), text, place, problems)


def _definitions(origin: str, document: Mapping[str, Any], problems: Problems) -> Iterator[DefinitionPart]:
    for kind in ("entities", "hierarchicals", "composites"):
        for place, entity in objects(document.get(kind), f"{origin}: {kind}", problems):
            leave_out_keys(entity, _NOT_READ_OF_ENTITIES, place, problems)
            if name := a_name(entity, "name", place, problems):
                yield DefinitionPart(place, "entity definitions", name)
    yield from _lists(origin, document, problems)
    for place, regex in objects(document.get("regex_entities"), f"{origin}: regex_entities", problems):
        name, pattern = (a_name(regex, key, place, problems) for key in ("name", "regexPattern"))
        if name and pattern:
            yield DefinitionPart(place, "entity definitions", name, patterns=[pattern])
    prebuilts = objects(document.get("prebuiltEntities"), f"{origin}: prebuiltEntities", problems)
    named = [(place, a_name(prebuilt, "name", place, problems)) for place, prebuilt in prebuilts]
    older = strings(document.get("bing_entities"), f"{origin}: bing_entities", problems)  # schema versions 1 and 2
    for place, name in [*named, *((f"{origin}: bing_entities", name) for name in older)]:
        if kinds := kinds_of_product(name):
            yield DefinitionPart(place, "entity definitions", name, system=kinds)
        else:
            problems.leave_out("prebuilt entities without a counterpart", place)


def _lists(origin: str, document: Mapping[str, Any], problems: Problems) -> Iterator[DefinitionPart]:
    for place, closed in objects(document.get("closedLists"), f"{origin}: closedLists", problems):
        values: dict[str, list[str]] = {}
        for here, sublist in objects(closed.get("subLists"), place, problems):
            words = sublist.get("list")
            words = words.split(",") if isinstance(words, str) else strings(words, here, problems)
            values.setdefault(a_name(sublist, "canonicalForm", here, problems), []).extend(words)
        values.pop("", None)
        if name := a_name(closed, "name", place, problems):
            yield DefinitionPart(place, "entity definitions", name, values)
