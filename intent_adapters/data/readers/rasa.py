"""The intents and entities of a Rasa training file (`nlu.yml`, versions 2 and 3)."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from pathlib import Path

import yaml  # type: ignore[import-untyped, unused-ignore]

from intent_adapters.data.definitions import DefinitionPart
from intent_adapters.data.problems import Problems, data_error
from intent_adapters.data.readers.text_file import read_text
from intent_adapters.data.readers.yaml_nodes import Loader, compose
from intent_adapters.data.table import Record, Table
from intent_adapters.errors import shorten

_CURE = "see Rasa's format: `nlu:`, below it `- intent: greet` and `examples: |` with lines `- hello`"

# What an entry of `nlu` can be, the sections that may stand beside `nlu`, and the keys of an entry and of an example.
_TABLES = ("synonym", "regex", "lookup")
_COLUMNS = ["text", "label", "entities"]
_DIALOGUES = ("stories", "rules", "flows", "responses", "templates")
_DOMAIN = ("intents", "entities", "slots", "actions", "forms", "e2e_actions", "session_config", "config")
_SETTINGS = ("language", "pipeline", "policies", "recipe", "assistant_id", "imports")
_SECTIONS = frozenset([*_DIALOGUES, *_DOMAIN, *_SETTINGS])
_ENTRY_KEYS = ("intent", *_TABLES, "examples", "metadata")
_EXAMPLE_KEYS = ("text", "metadata")

# [Seoul](city), [Seoul](city:SEL (capital)); parentheses inside the value in pairs, two deep
_NAMED = r"(?:[^()]|\((?:[^()]|\([^()]*+\))*+\))*+"
_ANNOTATION = re.compile(rf"\[([^\[\]]+)\](?:\((?=[^:)])({_NAMED})\)|(?=\{{|\[\s*\{{))")
_JSON = json.JSONDecoder()


def read_rasa(path: Path, problems: Problems, encoding: str | None = None) -> Table:
    """Reads the examples of every intent, and synonyms, regexes and lookup tables as definitions of entities.

    Stories and rules are left out, and said. Retrieval intents (`faq/ask_price`) keep their full name. Examples may be
    one block of `- ` lines, in which lines that start with `#` are left out, or a list of `text:` entries. A key that
    occurs twice or that Rasa does not know is a problem, because what belongs to it would be lost.
    """
    root, *others = compose(path, read_text(path, encoding), Loader) or [None]
    section = _get(root, "nlu")
    if section is None:
        raise data_error(f"{path}:1", "there is no `nlu` section", _CURE)
    for other in others:
        problems.add(
            _place(path, other), "this is another YAML document", "write all in one, without `---` in between"
        )
    _check_keys(path, root, {"version", "nlu", *_SECTIONS}, problems)
    for key, _ in root.value:
        if isinstance(key, yaml.ScalarNode) and key.value in _SECTIONS:
            problems.leave_out(f"`{key.value}` sections", _place(path, key))
    table = Table(str(path), list(_COLUMNS), lists_entities=True)
    if isinstance(section, yaml.SequenceNode):
        for entry in section.value:
            _read_entry(path, entry, table, problems)
    else:
        problems.add(_place(path, section), "`nlu` is not a list", _CURE)
    return table


def has_nlu_section(path: Path, encoding: str | None = None) -> bool:
    """Whether a YAML file of a Rasa project is training data for intents, and not stories, rules or a domain."""
    # What is allowed in YAML is no fault in the other files of a project.
    documents = compose(path, read_text(path, encoding), yaml.SafeLoader)
    return any(_get(document, "nlu") is not None for document in documents)


def _check_keys(path: Path, node: yaml.MappingNode, known: Collection[str], problems: Problems) -> None:
    """Every key that occurs twice or is unknown is a problem: what belongs to it would be dropped."""
    lines: dict[str, int] = {}
    for key, _ in node.value:
        name, line = str(key.value) if isinstance(key, yaml.ScalarNode) else "", key.start_mark.line + 1
        if name in lines:
            what = f"the key `{name}` stands in line {lines[name]} already"
            problems.add(f"{path}:{line}", what, "keep one of the two, or start a new entry with a dash")
        elif name not in known:
            what = f"the key {shorten(name)} is unknown here"
            problems.add(f"{path}:{line}", what, f"is it one of {', '.join(sorted(known))}?")
        lines.setdefault(name, line)


def _read_entry(path: Path, entry: yaml.Node, table: Table, problems: Problems) -> None:
    before = problems.count
    if isinstance(entry, yaml.MappingNode):
        _check_keys(path, entry, _ENTRY_KEYS, problems)
    kinds = [kind for kind in ("intent", *_TABLES) if _get(entry, kind) is not None]
    if kinds == ["intent"]:
        table.records.extend(_read_intent(path, entry, problems))
    elif len(kinds) == 1:
        table.definitions.append(_read_table(path, entry, kinds[0], table.definition_problems))
    elif kinds:
        problems.add(_place(path, entry), f"the entry is both `{'` and `'.join(kinds)}`", _CURE)
    elif problems.count == before:  # and not mistyped
        problems.add(_place(path, entry), "the entry has no key such as `intent`", _CURE)


def _read_intent(path: Path, entry: yaml.Node, problems: Problems) -> Iterator[Record]:
    intent = _get(entry, "intent")
    if not isinstance(intent, yaml.ScalarNode):
        problems.add(_place(path, intent or entry), "`intent` is not a name", _CURE)
        return
    before, found = problems.count, False
    for place, example in _examples(path, entry, problems):
        found = True
        parsed = parse_example(example)
        if parsed is None:
            what = f"the braces behind an entity are no JSON: {shorten(example)}"
            problems.add(place, what, 'write [Seoul]{"entity": "city"}, or [Seoul](city)')
        else:
            text, entities = parsed
            yield Record(place, {"text": text, "label": intent.value, "entities": entities})
    if not found and problems.count == before:
        what = f"intent {shorten(intent.value)} has no examples"
        problems.add(_place(path, intent), what, "write `examples: |` below it and lines `- hello`")


def _read_table(path: Path, entry: yaml.Node, kind: str, problems: Problems) -> DefinitionPart:
    name, place = _get(entry, kind), _place(path, entry)
    if not isinstance(name, yaml.ScalarNode):
        problems.add(place, f"`{kind}` is not a name", _CURE)
        return DefinitionPart(place, f"{kind} tables", None)
    words = [example for _, example in _examples(path, entry, problems)]
    if not words:
        problems.add(place, f"{kind} {shorten(name.value)} has no examples", "write `examples: |` and lines `- ...`")
    if kind == "synonym":
        return DefinitionPart(place, "synonym tables", None, {name.value: words})
    if kind == "regex":
        return DefinitionPart(place, "regex tables", name.value, patterns=words)
    return DefinitionPart(place, "lookup tables", name.value, dict.fromkeys(words, ()))


def _examples(path: Path, entry: yaml.Node, problems: Problems) -> Iterator[tuple[str, str]]:
    examples = _get(entry, "examples")
    if isinstance(examples, yaml.SequenceNode):
        yield from _listed_examples(path, examples, problems)
    elif isinstance(examples, yaml.ScalarNode):
        yield from _block_examples(path, examples, problems)


def _block_examples(path: Path, node: yaml.ScalarNode, problems: Problems) -> Iterator[tuple[str, str]]:
    written = str(node.start_mark.buffer)[node.start_mark.pointer : node.end_mark.pointer].splitlines()
    if node.style != "|" and sum(bool(line.strip()) for line in written[node.style == ">" :]) > 1:
        what = "the lines of these examples become one, because `examples:` is not followed by `|`"
        problems.add(_place(path, node), what, "write `examples: |` and one example a line below it")
        return
    for number, line in enumerate(node.value.split("\n"), start=_first_line(node)):
        place = f"{path}:{number if node.style == '|' else _first_line(node)}"
        example = line.strip()
        if example.startswith("-"):
            yield place, example[1:].strip()
        elif example.startswith("#"):
            problems.leave_out("examples behind `#`", place)
        elif example:
            what = f"the example does not start with `- `: {shorten(example)}"
            problems.add(place, what, "write one example a line, each after `- `")


def parse_example(example: str) -> tuple[str, list[object]] | None:
    """The text of an example and what its markup says of entities; None if what should be JSON is not."""
    text, position = "", 0
    entities: list[object] = []
    while annotation := _ANNOTATION.search(example, position):
        text += example[position : annotation.start()]
        position = annotation.end()
        said: object
        if annotation[2] is not None:
            entity, _, value = annotation[2].partition(":")
            said = {"entity": entity, "value": value}
        else:
            try:
                said, position = _JSON.raw_decode(example, position)
            except (ValueError, RecursionError):
                return None
        span = {"start": len(text), "end": len(text) + len(annotation[1])}
        for one in said if isinstance(said, list) else [said]:
            entities.append({**one, **span} if isinstance(one, dict) else one)
        text += annotation[1]
    return text + example[position:], entities


def _listed_examples(path: Path, node: yaml.SequenceNode, problems: Problems) -> Iterator[tuple[str, str]]:
    for item in node.value:
        text = item
        if isinstance(item, yaml.MappingNode):
            _check_keys(path, item, _EXAMPLE_KEYS, problems)
            text = _get(item, "text")
        if isinstance(text, yaml.ScalarNode) and re.search(r"\n\s*-", text.value):
            what = "these lines become one example, because they stand below `text:`"
            problems.add(_place(path, text), what, "write each as an entry of its own, `- text: hello`")
        elif isinstance(text, yaml.ScalarNode):
            yield f"{path}:{_first_line(text)}", text.value.strip().removeprefix("- ")
        else:
            problems.add(_place(path, item), "the example has no `text`", "write `- text: hello`")


def _get(node: yaml.Node | None, key: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((v for k, v in node.value if isinstance(k, yaml.ScalarNode) and k.value == key), None)


def _first_line(node: yaml.ScalarNode) -> int:
    """The line of a scalar's text, from 1: that of a block starts in the line after its `|`."""
    line: int = node.start_mark.line
    return line + (2 if node.style in ("|", ">") else 1)


def _place(path: Path, node: yaml.Node) -> str:
    return f"{path}:{node.start_mark.line + 1}"
