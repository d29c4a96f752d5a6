"""The intents of a Rasa training file (`nlu.yml`, versions 2 and 3)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped, unused-ignore]

from intent_adapters.data.problems import Problems, data_error
from intent_adapters.data.readers.text_file import read_text
from intent_adapters.data.table import Record, Table
from intent_adapters.errors import shorten

# [Seoul](city), [Seoul](city:SEL), [Seoul]{"entity": "city", "role": "to"}, [Seoul][{...}, {...}]
_ANNOTATION = re.compile(r"\[([^\[\]]+)\](?:\([^()]*\)|\{[^{}]*\}|\[\s*\{[^\[\]]*\}\s*\])")
_CURE = "see Rasa's format: `nlu:`, below it `- intent: greet` and `examples: |` with lines `- hello`"


class _Loader(yaml.SafeLoader):  # type: ignore[misc, unused-ignore]
    """Composes nodes that know their lines; nothing is constructed from them, so tags have no effect."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            event = self.peek_event()
            raise yaml.composer.ComposerError(None, None, f"alias *{event.anchor} is not allowed", event.start_mark)
        return super().compose_node(parent, index)


def read_rasa(path: Path, problems: Problems, encoding: str | None = None) -> Table:
    """Reads the examples of every intent; synonyms, regexes, lookup tables, stories and rules are left aside.

    Retrieval intents (`faq/ask_price`) keep their full name. Entity annotations are reduced to their text. Examples
    may be one block of `- ` lines or a list of `text:` entries.

    Raises:
        DataError: if the file is not YAML, uses aliases, or has no `nlu` section.
    """
    text = read_text(path, encoding)
    root = _compose(path, text)
    section = _get(root, "nlu")
    if section is None:
        raise data_error(f"{path}:1", "there is no `nlu` section", _CURE)
    records: list[Record] = []
    if not isinstance(section, yaml.SequenceNode):
        problems.add(_place(path, section), "`nlu` is not a list", _CURE)
        return Table(str(path), ["text", "label"], records)
    for entry in section.value:
        if not isinstance(entry, yaml.MappingNode):
            problems.add(_place(path, entry), "the entry has no key such as `intent`", _CURE)
            continue
        intent = _get(entry, "intent")
        if intent is not None:
            records.extend(_read_intent(path, entry, intent, problems))
    return Table(str(path), ["text", "label"], records)


def has_nlu_section(path: Path, encoding: str | None = None) -> bool:
    """Whether a YAML file of a Rasa project is training data for intents, and not stories, rules or a domain.

    Raises:
        DataError: if the file is not YAML.
    """
    return _get(_compose(path, read_text(path, encoding)), "nlu") is not None


def _compose(path: Path, text: str) -> Any:
    loader = None
    try:
        loader = _Loader(text)
        return loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        what = f"broken YAML ({error.problem or error.context})"
        cure = "check the indentation, and quote texts with special characters"
        raise data_error(f"{path}:{line}", what, cure) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise data_error(
            f"{path}:{line}", f"a control character, U+{_code_point(error.character):04X}", "delete it"
        ) from error
    except RecursionError:
        raise data_error(f"{path}:1", "the YAML is nested too deeply", _CURE) from None
    finally:
        if loader is not None:
            loader.dispose()


def _read_intent(path: Path, entry: yaml.MappingNode, intent: yaml.Node, problems: Problems) -> Iterator[Record]:
    if not isinstance(intent, yaml.ScalarNode):
        problems.add(_place(path, intent), "`intent` is not a name", _CURE)
        return
    examples = _get(entry, "examples")
    if isinstance(examples, yaml.SequenceNode):
        lines = _listed_examples(path, examples, problems)
    elif isinstance(examples, yaml.ScalarNode):
        lines = _block_examples(path, examples, problems)
    else:
        what = f"intent {shorten(intent.value)} has no examples"
        problems.add(_place(path, intent), what, "write `examples: |` below it and lines `- hello`")
        return
    for place, example in lines:
        yield Record(place, {"text": _ANNOTATION.sub(r"\1", example), "label": intent.value})


def _block_examples(path: Path, node: yaml.ScalarNode, problems: Problems) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(node.value.split("\n"), start=_first_line(node)):
        example = line.strip()
        if example.startswith("- ") or example == "-":
            yield f"{path}:{number}", example[1:].strip()
        elif example:
            what = f"the example does not start with `- `: {shorten(example)}"
            problems.add(f"{path}:{number}", what, "write one example a line, each after `- `")


def _listed_examples(path: Path, node: yaml.SequenceNode, problems: Problems) -> Iterator[tuple[str, str]]:
    for item in node.value:
        text = _get(item, "text") if isinstance(item, yaml.MappingNode) else item
        if isinstance(text, yaml.ScalarNode):
            yield f"{path}:{_first_line(text)}", text.value.strip().removeprefix("- ")
        else:
            problems.add(_place(path, item), "the example has no `text`", "write `- text: hello`")


def _get(node: yaml.Node | None, key: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((v for k, v in node.value if isinstance(k, yaml.ScalarNode) and k.value == key), None)


def _code_point(character: str | int) -> int:
    return character if isinstance(character, int) else ord(character)


def _first_line(node: yaml.ScalarNode) -> int:
    """The line of a scalar's text, from 1: that of a block starts in the line after its `|`."""
    line: int = node.start_mark.line
    return line + (2 if node.style in ("|", ">") else 1)


def _place(path: Path, node: yaml.Node) -> str:
    return f"{path}:{node.start_mark.line + 1}"
