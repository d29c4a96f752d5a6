"""A project of Azure's Conversational Language Understanding, as its export has it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from intent_adapters.data.definitions import DefinitionPart
from intent_adapters.data.problems import Problems, data_error
from intent_adapters.data.readers.exports.values import a_name, an_object, characters_of_units, objects, strings
from intent_adapters.data.system_entities import kinds_of_product
from intent_adapters.data.table import Record, Table
from intent_adapters.errors import shorten

UTF16, CODE_POINTS = "Utf16CodeUnit", "UnicodeCodePoint"


def read_clu(origin: str, document: Mapping[str, Any], problems: Problems) -> Table:
    """The labelled utterances, with the data set of each as its split, and the components of the entities.

    Prebuilt components that have no kind here, and which components an entity requires, are left out, and said.
    """
    unit = document.get("stringIndexType", UTF16)
    if unit not in (UTF16, CODE_POINTS):
        cure = f"export it with stringIndexType={UTF16}"
        raise data_error(origin, f"offsets are in {unit}, which are not counted here", cure)
    assets = an_object(document.get("assets"), f"{origin}: assets", problems)
    if "utterances" not in assets:
        what = f"this project has no utterances; its kind is {shorten(assets.get('projectKind'))}"
        raise data_error(origin, what, "export a project of conversational language understanding")
    table = read_clu_utterances(
        origin, objects(assets.get("utterances"), f"{origin}: utterances", problems), problems, unit
    )
    for place, entity in objects(assets.get("entities"), f"{origin}: entities", problems):
        table.definitions.extend(_definitions(entity, place, problems))
    return table


def is_clu_utterance(row: Mapping[str, Any]) -> bool:
    """Whether a row of a JSON array has its entities marked as the utterance files of CLU have them."""
    entities = row.get("entities")
    return isinstance(entities, list) and any(
        isinstance(entry, dict) and {"category", "offset", "length"} <= entry.keys() for entry in entities
    )


def read_clu_utterances(
    origin: str, utterances: Iterable[tuple[str, Mapping[str, Any]]], problems: Problems, unit: str = UTF16
) -> Table:
    """The utterances of a project, or of a file that is a list of them, each with its place."""
    table = Table(origin, ["text", "label", "entities"], lists_entities=True)
    for place, utterance in utterances:
        text = utterance.get("text")
        entities = [
            _entity(entry, str(text), unit) for _, entry in objects(utterance.get("entities"), place, problems)
        ]
        values = {"text": text, "label": utterance.get("intent"), "entities": entities}
        if "dataset" in utterance:
            values["split"] = str(utterance["dataset"]).lower()
            if "split" not in table.columns:
                table.columns.append("split")
        table.records.append(Record(place, values))
    return table


def _entity(entry: Mapping[str, Any], text: str, unit: str) -> dict[str, object]:
    start, length = entry.get("offset"), entry.get("length")
    end: object = start + length if isinstance(start, int) and isinstance(length, int) else length
    if unit == UTF16:
        start, end = characters_of_units(text, start), characters_of_units(text, end)
    others = {key: value for key, value in entry.items() if key not in ("category", "offset", "length")}
    return {**others, "start": start, "end": end, "entity": entry.get("category")}


def _definitions(entity: Mapping[str, Any], place: str, problems: Problems) -> Iterator[DefinitionPart]:
    name = a_name(entity, "category", place, problems)
    if not name:
        return
    values: dict[str, list[str]] = {}
    listed = an_object(entity.get("list"), place, problems)
    for here, sublist in objects(listed.get("sublists"), f"{place}.list", problems):
        words = values.setdefault(a_name(sublist, "listKey", here, problems), [])
        for _, synonyms in objects(sublist.get("synonyms"), here, problems):
            words += strings(synonyms.get("values"), here, problems)
    expressions = an_object(entity.get("regex"), place, problems).get("expressions")
    patterns = [
        a_name(expression, "regexPattern", here, problems)
        for here, expression in objects(expressions, f"{place}.regex", problems)
    ]
    system: list[str] = []
    for here, prebuilt in objects(entity.get("prebuilts"), f"{place}.prebuilts", problems):
        kinds = kinds_of_product(a_name(prebuilt, "category", here, problems))
        if not kinds:
            problems.leave_out("prebuilt components without a counterpart", here)
        system += kinds
    if entity.get("requiredComponents"):
        problems.leave_out("components that entities require", place)
    values.pop("", None)
    yield DefinitionPart(place, "entity definitions", name, values, list(filter(None, patterns)), system)
