"""Training data of Rasa 3: examples with marked entities, lookup tables, regexes and synonyms."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

import yaml  # type: ignore[import-untyped, unused-ignore]

from intent_adapters.data.annotations import EntityAnnotation, entities_of_text, overlapping
from intent_adapters.data.definitions import EntityDefinitions
from intent_adapters.data.problems import Problems
from intent_adapters.data.readers.rasa import parse_example
from intent_adapters.data.table import Row

# What a line of a block can hold; anything else stands in quotes with escapes.
_LINE = re.compile("[\t\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")
# Our reader and Rasa's take such lines for several examples.
_SEVERAL = re.compile(r"\n\s*-")


def write_rasa(path: Path, rows: Sequence[Row], definitions: EntityDefinitions, problems: Problems) -> None:
    """Writes `nlu.yml`; what Rasa cannot mark, and kinds such as dates, are left out, and said."""
    by_intent: dict[str, list[str]] = {}
    for row in rows:
        example = _marked(row, problems)
        if example is not None:
            by_intent.setdefault(row.label, []).append(example)
    entries = [_entry("intent", label, examples) for label, examples in by_intent.items()]
    annotated = {entity.entity for row in rows for entity in row.entities}
    entries += _tables(definitions, annotated, problems)
    path.write_text('version: "3.1"\n\nnlu:\n' + "\n".join(entries), encoding="utf-8", newline="\n")


def _tables(definitions: EntityDefinitions, annotated: Collection[str], problems: Problems) -> Iterator[str]:
    synonyms = {value: list(words) for value, words in definitions.synonyms.items()}
    for name, definition in definitions.entities.items():
        if definition.system:
            problems.leave_out("kinds of entities that are found without examples", name)
        elif not definition.to_dict() and name not in annotated:
            problems.leave_out("entities without examples, values and patterns", name)
        for value, words in definition.values.items():
            if words and synonyms.setdefault(value, list(words)) != list(words):
                problems.leave_out("synonyms of a value that others have too", f"{name}: {value}")
        yield from _table("lookup", name, definition.values, problems)
        yield from _table("regex", name, definition.patterns, problems)
    for value, others in synonyms.items():
        yield from _table("synonym", value, others, problems)


def _table(kind: str, name: str, words: Iterable[str], problems: Problems) -> Iterator[str]:
    usable = []
    for word in words:
        if word == word.strip() and not _SEVERAL.search(word):
            usable.append(word)
        else:
            problems.leave_out("values and patterns that Rasa would misread", f"{name}: {word!r}")
    if usable:
        yield _entry(kind, name, usable)


def _marked(row: Row, problems: Problems) -> str | None:
    """The example of a row; what it cannot mark is left out. None where Rasa would read the text itself as markup."""
    kept = [entity for entity in row.entities if _can_be_marked(entity, row, problems)]
    example, position = "", 0
    for start, end in dict.fromkeys((entity.start, entity.end) for entity in kept):
        here = [entity for entity in kept if (entity.start, entity.end) == (start, end)]
        example += row.text[position:start] + _markup(row.text[start:end], here)
        position = end
    example += row.text[position:]
    if _reads_as(example, row, kept) and not _SEVERAL.search(example):
        return example
    if _reads_as(row.text, row, []) and not _SEVERAL.search(row.text):
        problems.leave_out("entities in texts with brackets that Rasa would misread", row.place)
        return row.text
    problems.leave_out("texts that Rasa would misread", row.place)
    return None


def _can_be_marked(entity: EntityAnnotation, row: Row, problems: Problems) -> bool:
    apart = [other for other in row.entities if (other.start, other.end) != (entity.start, entity.end)]
    if entity in overlapping(sorted([*apart, entity], key=lambda other: (other.start, other.end))):
        problems.leave_out("entities that overlap others", row.place)
        return False
    if re.search(r"[\[\]]", row.text[entity.start : entity.end]):
        problems.leave_out("entities with brackets in their text", row.place)
        return False
    return True


def _markup(text: str, entities: Sequence[EntityAnnotation]) -> str:
    first = entities[0]
    is_plain = len(entities) == 1 and first.value == text and first.role is None and first.group is None
    if is_plain and not re.search(r"[():\s]", first.entity):
        return f"[{text}]({first.entity})"
    said = []
    for entity in entities:
        values = entity.to_dict()
        del values["start"], values["end"]
        if values["value"] == text:
            del values["value"]
        said.append(json.dumps(values, ensure_ascii=False))
    return f"[{text}]{said[0]}" if len(said) == 1 else f"[{text}][{', '.join(said)}]"


def _reads_as(example: str, row: Row, entities: Sequence[EntityAnnotation]) -> bool:
    parsed = parse_example(example)
    problems = Problems()
    if parsed is None or parsed[0] != row.text:
        return False
    return entities_of_text(parsed[1], row.place, row.text, problems) == tuple(entities) and not problems.count


def _entry(kind: str, name: str, examples: Iterable[str]) -> str:
    examples = list(examples)
    if all(_LINE.fullmatch(example) for example in examples):
        return f"- {kind}: {_scalar(name)}\n  examples: |\n" + "".join(f"    - {example}\n" for example in examples)
    # Where a text of a list starts with a dash, readers take that for the dash of a line.
    quoted = (_quoted(f"- {example}" if example.startswith("- ") else example) for example in examples)
    return f"- {kind}: {_scalar(name)}\n  examples:\n" + "".join(f"  - text: {example}\n" for example in quoted)


def _scalar(name: str) -> str:
    return name if re.fullmatch(r"\w+(/\w+)?", name) and yaml.safe_load(name) == name else _quoted(name)


def _quoted(text: str) -> str:
    return str(yaml.safe_dump(text, default_style='"', allow_unicode=True, width=2**30)).rstrip("\n")
