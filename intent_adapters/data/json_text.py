"""JSON in which no key may occur twice: Python would keep the last one, and nobody would notice."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from intent_adapters.data.problems import Problems
from intent_adapters.errors import shorten


class Decoder(json.JSONDecoder):
    """Notes in `repeated` which keys occur twice in an object of the last value."""

    def __init__(self) -> None:
        super().__init__(object_pairs_hook=self._object)
        self.repeated: list[str] = []

    def raw_decode(self, s: str, idx: int = 0) -> tuple[Any, int]:  # noqa: D102
        self.repeated = []
        return super().raw_decode(s, idx)

    def _object(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(pairs)
        if len(found) < len(pairs):
            self.repeated += sorted(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        return found

    def report(self, place: str, problems: Problems) -> None:
        """Adds the repeated keys of the last value to the problems."""
        for key in self.repeated:
            problems.add(place, f"the key {shorten(key)} occurs twice in one object", "keep one of the two")


def loads(text: str, place: str, problems: Problems) -> Any:
    """As `json.loads`, of a text that stands in a place; keys that occur twice are problems."""
    decoder = Decoder()
    value = decoder.decode(text)
    decoder.report(place, problems)
    return value
