"""Values and their synonyms in a text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from intent_adapters.data.definitions import Definition
from intent_adapters.entities.normalised import NormalisedText, folded_word
from intent_adapters.entities.words import ends_number, ends_word, starts_word


class ValueTable:
    """All values of all entities, by how they are written.

    They are looked up in a hash table at every place where a word starts, for each length that a value with that first
    letter has: what an automaton finds inside of words would have to be thrown away.

    Args:
        definitions: The entities by name.
    """

    def __init__(self, definitions: Mapping[str, Definition]) -> None:
        self._known: dict[str, list[tuple[str, str]]] = {}
        for name, definition in definitions.items():
            for value, synonyms in definition.values.items():
                for word in (value, *synonyms):
                    entries = self._known.setdefault(folded_word(word), [])
                    if (name, value) not in entries:
                        entries.append((name, value))
        lengths: dict[str, set[int]] = {}
        for word in self._known:
            lengths.setdefault(word[:1], set()).add(len(word))
        self._lengths = {letter: sorted(own) for letter, own in lengths.items()}

    def find(self, text: NormalisedText) -> Iterator[tuple[int, int, str, str]]:
        """Start and end in the text as given, entity and value of all that stands in a folded text."""
        letters = text.text
        for start in _starts(letters):
            for length in self._lengths.get(letters[start], ()):
                end = start + length
                if end > len(letters):
                    break
                entries = self._known.get(letters[start:end])
                if entries is None:
                    continue
                ends = ends_number if letters[end - 1].isdigit() else ends_word
                span = text.span(start, end)
                if span is not None and ends(letters, end):
                    for name, value in entries:
                        yield *span, name, value


def _starts(letters: str) -> Iterable[int]:
    return (start for start in range(len(letters)) if letters[start] != " " and starts_word(letters, start))
