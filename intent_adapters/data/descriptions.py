"""What intents are about, read from a file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped, unused-ignore]

from intent_adapters.data.problems import Problems, data_error
from intent_adapters.data.readers.text_file import read_text
from intent_adapters.data.readers.yaml_nodes import Loader, compose
from intent_adapters.data.validation import check_label, check_text

_CURE = 'write {"ask_parking": "where to leave the car"}, or ask_parking: where to leave the car'


def read_descriptions(source: str | Path, *, encoding: str | None = None) -> dict[str, list[str]]:
    """Reads descriptions of intents, as `train_agent` takes them.

    Args:
        source: The path of a JSON or YAML file with one object: the name of an intent, and a text or a list of texts.
        encoding: Its encoding; UTF-8 if None.

    Returns:
        The texts of each intent, without surrounding white space.

    Raises:
        DataError: Up to ten problems, each with its place: the file is neither JSON nor YAML or holds no object, an
            intent stands there twice, a description is no text.
    """
    path, problems = Path(source), Problems()
    text = read_text(path, encoding)
    found: dict[str, list[str]] = {}
    for place, intent, described in (_of_json if path.suffix.lower() == ".json" else _of_yaml)(path, text):
        name = check_label(place, intent, problems)
        texts = [check_text(place, said, problems) for said in described]
        if not texts:
            problems.add(place, f"there is no description of {intent!r}", _CURE)
        if name in found:
            problems.add(place, f"{intent!r} stands here a second time", "write all its descriptions as one list")
        elif name is not None:
            found[name] = [said for said in texts if said is not None]
    problems.report()
    return found


def _of_json(path: Path, text: str) -> Iterator[tuple[str, object, list[Any]]]:
    try:
        # Objects as tuples, in which a key can stand twice.
        pairs = json.loads(text, object_pairs_hook=tuple)
    except (ValueError, RecursionError) as error:
        raise data_error(str(path), f"broken JSON ({error})", _CURE) from error
    if not isinstance(pairs, tuple):
        raise data_error(str(path), "this is no object", _CURE)
    for intent, described in pairs:
        yield f"{path}: {intent}", intent, described if isinstance(described, list) else [described]


def _of_yaml(path: Path, text: str) -> Iterator[tuple[str, object, list[Any]]]:
    roots = compose(path, text, Loader)
    if len(roots) != 1 or not isinstance(roots[0], yaml.MappingNode):
        raise data_error(f"{path}:1", "this is no object", _CURE)
    for intent, described in roots[0].value:
        listed = described.value if isinstance(described, yaml.SequenceNode) else [described]
        # Of a scalar its text; of a list or an object a list, which is no text.
        yield f"{path}:{intent.start_mark.line + 1}", intent.value, [said.value for said in listed]
