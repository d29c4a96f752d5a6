"""What an agent's entities are, apart from examples: values with synonyms, patterns, kinds such as dates."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from intent_adapters.data.annotations import MAX_NAME_CHARACTERS, composed_name, is_name
from intent_adapters.data.problems import Problems
from intent_adapters.data.system_entities import SYSTEM_KINDS
from intent_adapters.errors import ConfigError, shorten
from intent_adapters.inputs import SURROGATES

FILE_NAME = "entities.json"
"""Of the definitions in a folder of data. Those of a file `clinic.jsonl` are beside it, in `clinic.entities.json`."""


@dataclass(frozen=True, slots=True)
class Definition:
    """What one entity is.

    Attributes:
        values: What it can stand for, each with other words for it.
        patterns: Regular expressions of what it looks like, as Python's `re` has them.
        system: The kinds of `SYSTEM_KINDS` that it is; several for one that is a date or a time.

    Raises:
        ConfigError: One of them is something else, such as a text where several may stand.
    """

    values: Mapping[str, Sequence[str]] = field(default_factory=dict)
    patterns: Sequence[str] = ()
    system: Sequence[str] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", _words_of("values", self.values))
        for name in ("patterns", "system"):
            object.__setattr__(self, name, _texts_of(name, getattr(self, name)))

    def to_dict(self) -> dict[str, Any]:
        """As the file has it: without what is empty."""
        values = {value: list(synonyms) for value, synonyms in self.values.items()}
        parts = {"values": values, "patterns": list(self.patterns), "system": list(self.system)}
        return {name: part for name, part in parts.items() if part}

    def __str__(self) -> str:
        """Such as "2 values, 1 pattern, date"."""
        counts = {"value": len(self.values), "pattern": len(self.patterns)}
        counted = [f"{count:,} {what}{'s' * (count > 1)}" for what, count in counts.items() if count]
        return ", ".join([*counted, *self.system]) or "examples only"


@dataclass(frozen=True, slots=True)
class EntityDefinitions:
    """What the entities of an agent are.

    Attributes:
        entities: By name.
        synonyms: Values with other words for them, of whatever entity, as Rasa has them. Those of a value that one
            entity or several have are with these entities instead.

    Raises:
        ConfigError: One of them is something else.
    """

    entities: Mapping[str, Definition] = field(default_factory=dict)
    synonyms: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "synonyms", _words_of("synonyms", self.synonyms))
        entities: object = self.entities
        if not isinstance(entities, Mapping) or not all(isinstance(own, Definition) for own in entities.values()):
            raise ConfigError(
                f"entities has a Definition for each name, not {shorten(entities)}; `read_definitions` reads files."
            )

    def __bool__(self) -> bool:
        return bool(self.entities or self.synonyms)

    def to_dict(self) -> dict[str, Any]:
        """As `entities.json` has it."""
        parts = {
            "entities": {name: definition.to_dict() for name, definition in self.entities.items()},
            "synonyms": {value: list(synonyms) for value, synonyms in self.synonyms.items()},
        }
        return {"entities": parts.pop("entities"), **{name: part for name, part in parts.items() if part}}

    def write(self, path: str | Path) -> None:
        """Writes `entities.json`, replacing what is there."""
        Path(path).write_text(json.dumps(self.to_dict(), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def check_definitions(value: object) -> None:
    """Let definitions pass.

    Raises:
        ConfigError: `value` is something else, such as the path of a file.
    """
    if not isinstance(value, EntityDefinitions):
        what = "definitions are EntityDefinitions, as `read_definitions` makes of a file"
        raise ConfigError(f"{what}, not {shorten(value)}.")


@dataclass(frozen=True, slots=True)
class DefinitionPart:
    """What one place of a source says of an entity.

    Attributes:
        place: Where it stands.
        kind: What it is, in the plural, such as "lookup tables": for who leaves it out.
        entity: The entity's name; None for synonyms of whatever entity.
        values: Values with other words for them.
        patterns: Regular expressions.
        system: Kinds of `SYSTEM_KINDS`.
    """

    place: str
    kind: str
    entity: str | None
    values: Mapping[str, Sequence[str]] = field(default_factory=dict)
    patterns: Sequence[str] = ()
    system: Sequence[str] = ()


def definitions_of(parts: Iterable[DefinitionPart], problems: Problems) -> EntityDefinitions:
    """All that was said of each entity, put together; what is no definition is a problem."""
    entities: dict[str, dict[str, list[str]]] = {}
    patterns: dict[str, list[str]] = {}
    kinds: dict[str, list[str]] = {}
    synonyms: dict[str, list[str]] = {}
    for part in parts:
        _check(part, problems)
        name = None if part.entity is None else composed_name(part.entity)
        values = synonyms if name is None else entities.setdefault(name, {})
        for value, others in part.values.items():
            words = values.setdefault(value, [])
            words += [word for word in dict.fromkeys(others) if word != value and word not in words]
        if name is not None:
            patterns.setdefault(name, []).extend(part.patterns)
            kinds.setdefault(name, []).extend(part.system)
    for value in [value for value in synonyms if any(value in values for values in entities.values())]:
        words = synonyms.pop(value)
        for values in entities.values():
            if value in values:
                values[value] += [word for word in words if word not in values[value]]
                for word in words:
                    if not values.get(word, True):  # a value of the table that is another word for this one
                        del values[word]
    return EntityDefinitions(
        {
            name: Definition(values, tuple(dict.fromkeys(patterns[name])), tuple(dict.fromkeys(kinds[name])))
            for name, values in entities.items()
        },
        synonyms,
    )


def parts_of_document(document: Mapping[str, object], place: str, problems: Problems) -> list[DefinitionPart]:
    """What `entities.json` says."""
    parts = []
    for key in document:
        if key not in ("entities", "synonyms"):
            problems.add(place, f"the key {shorten(key)} is unknown here", "is it one of entities, synonyms?")
    for name, entry in _object(document.get("entities"), f"{place}: entities", problems).items():
        here = f"{place}: entities.{name}"
        content = _object(entry, here, problems)
        for key in content:
            if key not in ("values", "patterns", "system"):
                problems.add(here, f"the key {shorten(key)} is unknown here", "is it one of values, patterns, system?")
        values = _words_by_value(content.get("values"), here, problems)
        patterns, system = (_strings(content.get(key), here, problems) for key in ("patterns", "system"))
        parts.append(DefinitionPart(here, "entity definitions", name, values, patterns, system))
    if synonyms := _words_by_value(document.get("synonyms"), f"{place}: synonyms", problems):
        parts.append(DefinitionPart(f"{place}: synonyms", "synonyms", None, synonyms))
    return parts


def _check(part: DefinitionPart, problems: Problems) -> None:
    if part.entity is not None and not (part.entity.strip() and is_name(composed_name(part.entity))):
        what = f"no name of an entity: {shorten(part.entity)}"
        problems.add(part.place, what, f"write 1 to {MAX_NAME_CHARACTERS} characters in one line")
    for kind in part.system:
        if kind not in SYSTEM_KINDS:
            what = f"{shorten(kind)} is no kind of entity that is found without examples"
            problems.add(part.place, what, f"choose among {', '.join(SYSTEM_KINDS)}")
    for word in [*part.values, *(word for words in part.values.values() for word in words)]:
        if not word.strip() or SURROGATES.search(word):
            problems.add(part.place, f"a value or a synonym is no text: {word!r}", "write what users may write")


def _object(value: object, place: str, problems: Problems) -> Mapping[str, object]:
    if value is None or isinstance(value, Mapping):
        return value or {}
    cure = 'write {"entities": {"city": {"values": {"Seoul": []}}}}'
    problems.add(place, f"not an object but {shorten(value)}", cure)
    return {}


def _strings(value: object, place: str, problems: Problems) -> list[str]:
    if value is None:
        return []
    if isinstance(value, list) and all(isinstance(entry, str) for entry in value):
        return value
    problems.add(place, f"not a list of texts but {shorten(value)}", 'write ["...", "..."]')
    return []


def _words_by_value(value: object, place: str, problems: Problems) -> dict[str, list[str]]:
    return {word: _strings(words, place, problems) for word, words in _object(value, place, problems).items()}


def _words_of(name: str, values: object) -> dict[str, tuple[str, ...]]:
    if not isinstance(values, Mapping) or not all(isinstance(value, str) for value in values):
        what = 'a tuple of synonyms for each value, as {"Seoul": ("SEL",)}'
        raise ConfigError(f"{name} has {what}, not {shorten(values)}.")
    return {value: _texts_of(f"{name}[{value!r}]", words) for value, words in values.items()}


def _texts_of(name: str, texts: object) -> tuple[str, ...]:
    if isinstance(texts, str) or not isinstance(texts, Sequence) or not all(isinstance(text, str) for text in texts):
        raise ConfigError(f'{name} is a tuple of texts, as ("...",), not {shorten(texts)}.')
    return tuple(texts)
