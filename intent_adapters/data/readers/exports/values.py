"""What is in the JSON of an export, with a problem in place of what is of another kind than expected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from intent_adapters.data.definitions import DefinitionPart
from intent_adapters.data.problems import Problems
from intent_adapters.data.system_entities import kinds_of_product
from intent_adapters.data.table import Table
from intent_adapters.errors import shorten

_CURE = "export it again, or mend it by hand"


def objects(content: object, place: str, problems: Problems) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of a list, each with its place."""
    if content is None:
        return
    if not isinstance(content, list):
        problems.add(place, f"not a list but {shorten(content)}", _CURE)
        return
    for number, entry in enumerate(content):
        if isinstance(entry, dict):
            yield f"{place}[{number}]", entry
        else:
            problems.add(f"{place}[{number}]", f"not an object but {shorten(entry)}", _CURE)


def an_object(content: object, place: str, problems: Problems) -> dict[str, Any]:
    """An object; an empty one in place of nothing."""
    if content is None or isinstance(content, dict):
        return content or {}
    problems.add(place, f"not an object but {shorten(content)}", _CURE)
    return {}


def strings(content: object, place: str, problems: Problems) -> list[str]:
    """A list of texts."""
    if content is None:
        return []
    if isinstance(content, list) and all(isinstance(entry, str) for entry in content):
        return content
    problems.add(place, f"not a list of texts but {shorten(content)}", _CURE)
    return []


def a_name(entry: Mapping[str, Any], key: str, place: str, problems: Problems) -> str:
    """The text below a key; an empty one and a problem where there is none."""
    value = entry.get(key)
    if isinstance(value, str) and value.strip():
        return value
    problems.add(place, f"`{key}` is not a name but {shorten(value)}", _CURE)
    return ""


def leave_out_keys(entry: Mapping[str, Any], kinds: Mapping[str, str], place: str, problems: Problems) -> None:
    """Says which of what stands below these keys is not used; `kinds` says what each is, in the plural."""
    for key, kind in kinds.items():
        content = entry.get(key)
        for _ in content if isinstance(content, list) else [content] * bool(content):
            problems.leave_out(kind, place)


def note_system_entity(
    entity: str, place: str, table: Table, problems: Problems, kinds: tuple[str, ...] | None = None
) -> DefinitionPart:
    """The definition of an entity that a product brings along, which the table has once; its kinds by its name."""
    for part in table.definitions:
        if part.entity == entity:
            return part
    kinds = kinds_of_product(entity) if kinds is None else kinds
    if not kinds:
        problems.leave_out("what system entities without a counterpart look like", f"{place} ({entity})")
    table.definitions.append(DefinitionPart(place, "system entities", entity, system=kinds))
    return table.definitions[-1]


def characters_of_units(text: str, offset: object) -> object:
    """An offset in UTF-16 code units as one in characters; -1 inside of a character; what is no offset, as it is."""
    if not isinstance(offset, int) or isinstance(offset, bool) or offset < 0 or all(c < "\U00010000" for c in text):
        return offset
    units = text.encode("utf-16-le", "surrogatepass")
    try:
        characters = len(units[: 2 * offset].decode("utf-16-le"))
    except UnicodeDecodeError:
        return -1
    return characters + max(0, offset - len(units) // 2)
