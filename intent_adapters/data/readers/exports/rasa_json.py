"""Training data of Rasa in JSON, as its version 1 wrote it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from intent_adapters.data.definitions import DefinitionPart
from intent_adapters.data.problems import Problems
from intent_adapters.data.readers.exports.values import a_name, an_object, objects, strings
from intent_adapters.data.table import Record, Table

_COLUMNS = ("text", "intent", "entities")


def read_rasa_json(origin: str, document: Mapping[str, Any], problems: Problems) -> Table:
    """The examples with their entities, and synonyms, regexes and lookup tables."""
    data = an_object(document["rasa_nlu_data"], f"{origin}: rasa_nlu_data", problems)
    table = Table(origin, list(_COLUMNS), lists_entities=True)
    for key in ("common_examples", "intent_examples", "entity_examples"):
        for place, example in objects(data.get(key), f"{origin}: {key}", problems):
            values = {column: example.get(column) for column in _COLUMNS}
            table.records.append(Record(place, {**values, "entities": values["entities"] or []}))
    table.definitions.extend(_definitions(origin, data, problems))
    return table


def _definitions(origin: str, data: Mapping[str, Any], problems: Problems) -> Iterator[DefinitionPart]:
    for place, entry in objects(data.get("entity_synonyms"), f"{origin}: entity_synonyms", problems):
        words = strings(entry.get("synonyms"), place, problems)
        yield DefinitionPart(place, "synonym tables", None, {a_name(entry, "value", place, problems): words})
    for place, entry in objects(data.get("regex_features"), f"{origin}: regex_features", problems):
        patterns = [a_name(entry, "pattern", place, problems)]
        yield DefinitionPart(place, "regex tables", a_name(entry, "name", place, problems), patterns=patterns)
    for place, entry in objects(data.get("lookup_tables"), f"{origin}: lookup_tables", problems):
        name, elements = a_name(entry, "name", place, problems), entry.get("elements")
        if isinstance(elements, str) or "file_path" in entry:
            problems.leave_out("lookup tables in other files", place)
        else:
            values = dict.fromkeys(strings(elements, place, problems), ())
            yield DefinitionPart(place, "lookup tables", name, values)
