"""YAML as nodes that know their lines: nothing is constructed from them, so tags have no effect."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped, unused-ignore]

from intent_adapters.data.problems import data_error


class Loader(yaml.SafeLoader):  # type: ignore[misc, unused-ignore]
    """Refuses aliases, with which a small file can grow without end."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """A node, unless it is an alias."""
        if self.check_event(yaml.events.AliasEvent):
            event = self.peek_event()
            raise yaml.composer.ComposerError(None, None, f"alias *{event.anchor} is not allowed", event.start_mark)
        return super().compose_node(parent, index)


def compose(path: Path, text: str, kind: type[yaml.SafeLoader]) -> list[Any]:
    """The root nodes of the documents in a file's text; a DataError with the line, if the loader refuses it."""
    loader = None
    try:
        loader = kind(text)
        documents = []
        while loader.check_node():
            documents.append(loader.get_node())
        return documents
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
        raise data_error(f"{path}:1", "the YAML is nested too deeply", "write it as the documentation shows") from None
    finally:
        if loader is not None:
            loader.dispose()


def _code_point(character: str | int) -> int:
    return character if isinstance(character, int) else ord(character)
