"""A bot of Amazon Lex V2, or one of its locales: the folder or zip of its export."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
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
)
from intent_adapters.data.system_entities import kinds_of_product
from intent_adapters.data.table import Record, Table

_INTENT = r"Intents/([^/]+)/Intent\.json"
_SLOT = r"Intents/([^/]+)/Slots/([^/]+)/Slot\.json"
_SLOT_TYPE = r"SlotTypes/([^/]+)/SlotType\.json"
_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
_NOT_READ_OF_INTENTS = {
    "inputContexts": "contexts of intents",
    "outputContexts": "contexts of intents",
    "intentConfirmationSetting": "confirmations of intents",
    "intentClosingSetting": "responses of intents",
}
_NOT_READ_OF_SLOTS = dict.fromkeys(("sampleUtterances", "sampleValueElicitingUtterances"), "utterances of slots")
_NOT_READ_OF_TYPES = {
    "compositeSlotTypeSetting": "parts of composite slot types",
    "externalSourceSetting": "grammars of slot types",
}
# What built-in slot types are filled with, of which an export holds no values: the same in every language.
_SAMPLES = {
    "date": ("2027-03-02", "2027-11-20"),
    "time": ("10:30", "18:00"),
    "number": ("2", "5", "12"),
    "phone": ("02-555-0142", "02-555-0187"),
    "email": ("kim@example.com", "lee@example.com"),
}


@dataclass
class _Locale:
    """What the utterances of one locale are filled with.

    Attributes:
        words: By slot type, without end: the word that comes next, and the value that it stands for.
        slots: The types of the slots, by intent and name.
    """

    words: dict[str, Iterator[tuple[str, str]]] = field(default_factory=dict)
    slots: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))

    def filled(self, utterance: str, intent: str) -> tuple[str, list[dict[str, object]]] | None:
        """An utterance with words in place of its slots, and these as entities; None where there are no such words."""
        slots = {name: kind for name, kind in self.slots[intent].items() if kind in self.words}
        if any(name not in slots for name in _PLACEHOLDER.findall(utterance)):
            return None
        text, position = "", 0
        entities: list[dict[str, object]] = []
        for found in _PLACEHOLDER.finditer(utterance):
            text += utterance[position : found.start()]
            kind = slots[found[1]]
            word, value = next(self.words[kind])
            role = None if found[1] == kind else found[1]
            span = {"start": len(text), "end": len(text) + len(word)}
            entities.append({**span, "entity": kind, "value": value, "role": role})
            text, position = text + word, found.end()
        return text + utterance[position:], entities


def is_lex(files: ExportFiles) -> bool:
    """Whether an export has intents as Lex V2 has them: a folder each."""
    return files.has(_INTENT)


def read_lex(files: ExportFiles, problems: Problems) -> Table:
    """The utterances of all locales with their slots filled in, and the values and patterns of the slot types.

    Lex writes the name of a slot in braces, and no words for it. Each utterance becomes one text: a slot takes the
    next word of its type, from utterance to utterance. The words of a type are its values in their order and then
    their synonyms; after the last comes the first again. So all come up about equally often, and the same export gives
    the same texts. Dates, times, numbers, phone numbers and e-mail addresses are some of ours. A slot is an entity of
    its type, with the slot's name as its role.

    Utterances with a slot of which there are no words are left out, and said; so are what slots themselves are
    answered with, and contexts, confirmations and responses.
    """
    table = Table(files.origin, ["text", "label", "entities"])
    locales: dict[str, _Locale] = defaultdict(_Locale)
    for locale, (folder,), place, slot_type in _documents(files, _SLOT_TYPE, problems):
        part = _definition(slot_type, folder, place, problems)
        table.definitions.append(part)
        locales[locale].words |= _words(part)
    for locale, (intent, folder), place, slot in _documents(files, _SLOT, problems):
        kind = a_name(slot, "slotTypeName", place, problems)
        locales[locale].slots[intent][str(slot.get("name") or folder)] = kind
        if kind.startswith("AMAZON."):
            locales[locale].words |= _words(note_system_entity(kind, place, table, problems))
        for key in ("valueElicitationSetting", "slotValueElicitationSetting"):
            leave_out_keys(an_object(slot.get(key), place, problems), _NOT_READ_OF_SLOTS, place, problems)
    for locale, (folder,), place, document in _documents(files, _INTENT, problems):
        leave_out_keys(document, _NOT_READ_OF_INTENTS, place, problems)
        for here, entry in objects(document.get("sampleUtterances"), place, problems):
            filled = locales[locale].filled(str(entry.get("utterance") or ""), folder)
            if filled:
                values = {"text": filled[0], "label": document.get("name") or folder, "entities": filled[1]}
                table.records.append(Record(here, values))
            else:
                problems.leave_out("utterances with slots of which there are no values", here)
    files.passed_over(r"(?:[Mm]anifest|Bot|BotLocale)\.json")
    return table


def _documents(
    files: ExportFiles, pattern: str, problems: Problems
) -> Iterator[tuple[str, tuple[str, ...], str, dict[str, Any]]]:
    """The folder of the locale, the groups of the pattern, the place and the content of each such file, by name."""
    for name, match in sorted(files.matching(pattern), key=lambda found: found[0]):
        content = an_object(files.read(name, problems), files.place(name), problems)
        yield name[: match.start()], match.groups(), files.place(name), content


def _definition(document: Mapping[str, Any], folder: str, place: str, problems: Problems) -> DefinitionPart:
    values: dict[str, list[str]] = {}
    for here, entry in objects(document.get("slotTypeValues"), place, problems):
        if value := a_name(an_object(entry.get("sampleValue"), here, problems), "value", here, problems):
            synonyms = objects(entry.get("synonyms"), here, problems)
            values.setdefault(value, []).extend(
                filter(None, (a_name(synonym, "value", there, problems) for there, synonym in synonyms))
            )
    setting = an_object(document.get("valueSelectionSetting"), place, problems)
    if values and str(setting.get("resolutionStrategy")).lower().replace("_", "") == "originalvalue":
        problems.leave_out("expansion of slot types by other values", place)
    regex = an_object(setting.get("regexFilter"), place, problems)
    patterns = [a_name(regex, "pattern", place, problems)] if regex else []
    leave_out_keys(document, _NOT_READ_OF_TYPES, place, problems)
    kinds = kinds_of_product(str(document.get("parentSlotTypeSignature") or ""))
    name = str(document.get("name") or folder)
    return DefinitionPart(place, "entity definitions", name, values, list(filter(None, patterns)), kinds)


def _words(part: DefinitionPart) -> dict[str, Iterator[tuple[str, str]]]:
    """By the entity, the words of a definition with the values that they stand for, over and over; {} without any."""
    words = [(value, value) for value in part.values]
    words += [(synonym, value) for value, synonyms in part.values.items() for synonym in synonyms]
    words = words or [(sample, sample) for kind in part.system for sample in _SAMPLES.get(kind, ())]
    return {str(part.entity): itertools.cycle(words)} if words else {}
