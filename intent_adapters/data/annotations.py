"""Entities that somebody marked in an utterance: which characters, and what they stand for."""

from __future__ import annotations

import json
import numbers
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from intent_adapters.data.json_text import loads
from intent_adapters.data.problems import Problems
from intent_adapters.errors import shorten
from intent_adapters.inputs import CONTROLS, SURROGATES

_KEYS = ("start", "end", "entity", "value", "role", "group")
_CURE = 'write {"start": 0, "end": 5, "entity": "city"}, with offsets in characters of the text'
MAX_NAME_CHARACTERS = 200


@dataclass(frozen=True, slots=True, order=True)
class EntityAnnotation:
    """An entity in an utterance.

    Attributes:
        start: The offset of its first character in the text.
        end: The offset behind its last character.
        entity: Which entity it is, such as `city`.
        value: What it stands for, such as `Seoul` for "SEL"; the text between the offsets if nothing else is said.
        role: What it is in this utterance, such as `from`.
        group: Which of several things it belongs to, such as the number of a pizza.
    """

    start: int
    end: int
    entity: str
    value: str
    role: str | None = None
    group: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """As the value of a row's `entities` has it; without role and group where there is none."""
        return {key: value for key, value in asdict(self).items() if value is not None}


def entities_of_text(marked: object, place: str, text: str, problems: Problems) -> tuple[EntityAnnotation, ...] | None:
    """The entities of one row, in the order of the text; None if nobody said what there is.

    Args:
        marked: A list of objects with `start`, `end`, `entity` and perhaps `value`, `role` and `group`; or that list
            as JSON, as a csv file has it, where an empty cell is an empty list; or nothing.
        place: Where the row stands.
        text: The text that the offsets count in, as it was written. White space around it, and around an entity, does
            not belong to an entity; the offsets of the result count without that around the text.
        problems: Takes what is no entity of this text.
    """
    if isinstance(marked, str):
        try:
            marked = loads(marked, place, problems) if marked.strip() else []
        except (ValueError, RecursionError):
            problems.add(place, f"`entities` is not JSON: {shorten(marked)}", "write a JSON list of objects")
            return ()
    if marked is None or (isinstance(marked, float) and marked != marked):  # NaN, which tables have for nothing
        return None
    if isinstance(marked, Mapping) or not isinstance(marked, Iterable):
        problems.add(place, f"`entities` is no list: {shorten(marked)}", "write a list of objects")
        return ()
    found = [entity for entry in marked if (entity := _entity(entry, place, text, problems))]
    for _ in range(len(found) - len(set(found))):
        problems.leave_out("entities that repeat another", place)
    return tuple(sorted(dict.fromkeys(found), key=lambda entity: (entity.start, entity.end)))


def _entity(entry: object, place: str, text: str, problems: Problems) -> EntityAnnotation | None:
    if not isinstance(entry, Mapping):
        problems.add(place, f"the entity is no object: {shorten(entry)}", _CURE)
        return None
    start: Any = entry.get("start")
    end: Any = entry.get("end")
    if fault := _fault_of_offsets(start, end, len(text)):
        problems.add(place, f"the entity's offsets {shorten(start)}, {shorten(end)} {fault}", _CURE)
        return None
    names = {key: _name(entry.get(key)) for key in ("entity", "role", "group")}
    for key, name in names.items():
        if not is_name(name or "") or (name is None and entry.get(key) is not None):
            what = f"`{key}` of an entity is no name of up to {MAX_NAME_CHARACTERS} characters: {shorten(entry[key])}"
            problems.add(place, what, "write a short text in one line")
            return None
    if not names["entity"]:
        problems.add(place, f"the entity has no name: {shorten(dict(entry))}", _CURE)
        return None
    span = text[start:end]
    if not span.strip():
        problems.add(place, f"the entity {names['entity']!r} is white space", "mark characters that show")
        return None
    start = int(start) + len(span) - len(span.lstrip())
    end = int(end) - len(span) + len(span.rstrip())
    value = text[start:end] if entry.get("value") in (None, "", span) else _written(entry["value"])
    if SURROGATES.search("".join(filter(None, (*names.values(), value)))):
        problems.add(place, f"half a surrogate pair in {shorten(dict(entry))}", "save the character whole, as UTF-8")
        return None
    for key in entry:
        if key not in _KEYS:
            problems.leave_out(f"`{key}` of entities", place)
    outside = len(text) - len(text.lstrip())
    return EntityAnnotation(
        start - outside,
        end - outside,
        names["entity"],
        value,
        names["role"] or None,
        names["group"] or None,
    )


def _fault_of_offsets(start: Any, end: Any, length: int) -> str | None:
    if not all(isinstance(value, numbers.Integral) and not isinstance(value, bool) for value in (start, end)):
        return "are no whole numbers"
    if not 0 <= start <= length >= end:
        return f"are not in the text of {length} characters"
    return None if start < end else "mark nothing"


def composed_name(name: str) -> str:
    """A name as it counts: Hangul that a Mac took apart is composed, and white space around it is gone."""
    return unicodedata.normalize("NFC", name).strip()


def is_name(name: str) -> bool:
    """Whether a composed name is short enough, and without characters that break or turn lines."""
    return len(name) <= MAX_NAME_CHARACTERS and not CONTROLS.search(name)


def _name(value: object) -> str | None:
    """A name, of a number its digits; an empty one in place of nothing; None for what is no name."""
    if value is None or isinstance(value, str):
        return composed_name(value or "")
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _written(value: object) -> str:
    """A value that is no string, such as the number 3 of Rasa's markup, as JSON writes it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def overlapping(entities: Sequence[EntityAnnotation]) -> list[EntityAnnotation]:
    """Those that share characters with one before them that stays."""
    end, found = 0, []
    for entity in entities:
        if entity.start < end:
            found.append(entity)
        else:
            end = entity.end
    return found
