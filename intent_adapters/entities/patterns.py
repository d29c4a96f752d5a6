"""Regular expressions of entities, for which a text has a limited time."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from intent_adapters.data.definitions import Definition
from intent_adapters.entities.normalised import NormalisedText
from intent_adapters.errors import ConfigError, DataWarning, shorten
from intent_adapters.extras import need

SECONDS = 0.2
"""In which all patterns together look through one text."""
MAX_CHARACTERS = 10_000


class PatternTable:
    """All patterns of all entities.

    Args:
        definitions: The entities by name.

    Raises:
        ConfigError: A pattern is no regular expression.
        MissingExtraError: There are patterns, and `regex` is not installed.
    """

    def __init__(self, definitions: Mapping[str, Definition]) -> None:
        self._patterns = [
            (name, _compiled(name, pattern))
            for name, definition in definitions.items()
            for pattern in definition.patterns
        ]

    def find(self, text: NormalisedText) -> Iterator[tuple[int, int, str]]:
        """Start and end in the text as given, and entity, of what matches in a composed text.

        Patterns for which there is no time left are passed over, and a DataWarning says so.
        """
        until = time.monotonic() + SECONDS
        for name, pattern in self._patterns:
            left = until - time.monotonic()
            try:
                matches = [match.span() for match in pattern.finditer(text.text, timeout=max(left, 1e-6))]
            except TimeoutError:
                message = (
                    f"the pattern {shorten(pattern.pattern)} of {name!r} and those behind it were given up, after "
                    f"{SECONDS} s with a text of {len(text.text):,} characters: write it without repetitions of "
                    "repetitions"
                )
                warnings.warn(message, DataWarning, stacklevel=2)
                return
            for start, end in matches:
                span = text.span(start, end) if start < end else None
                if span is not None:
                    yield *span, name


def _compiled(name: str, pattern: str) -> Any:
    regex = need("regex")
    if len(pattern) > MAX_CHARACTERS:
        raise ConfigError(f"A pattern of {name!r} has {len(pattern):,} characters, over {MAX_CHARACTERS:,}.")
    try:
        return regex.compile(pattern)
    except (regex.error, RecursionError, OverflowError) as error:
        raise ConfigError(f"The pattern {shorten(pattern)} of {name!r} is no regular expression: {error}.") from error
