"""`EntityFinder`: entities in utterances by what defines them, without training."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from intent_adapters.data.definitions import EntityDefinitions, check_definitions
from intent_adapters.entities.normalised import NormalisedText, composed, folded, folded_word
from intent_adapters.entities.patterns import PatternTable
from intent_adapters.entities.system import FINDERS
from intent_adapters.entities.values import ValueTable
from intent_adapters.errors import ConfigError, shorten
from intent_adapters.extras import need
from intent_adapters.inputs import check_choice, check_text
from intent_adapters.prediction import PredictedEntity

_BETWEEN_DATE_AND_TIME = re.compile(r"[\s,]*(?:에\s+|at\s+|on\s+|T)?", re.IGNORECASE)


class EntityFinder:
    """Finds the entities that an agent defines.

    Values and synonyms count whatever their case, width and composition are; patterns are searched as they are
    written, in the composed text (NFC). In Korean a span ends before particles: of 서울에서 it is 서울.

    Of entities that overlap the longest stays; of those that are equally long, one of a value before one of a pattern
    before a system entity, and then the one that was defined first.

    Args:
        definitions: What the entities are: `read_annotated` and `read_definitions` read them.
        region: Where phone numbers without the code of a country are from, as ISO 3166 has it.

    Raises:
        ConfigError: A pattern is no regular expression, a kind is unknown, the region is no country, or `definitions`
            is something else.
        MissingExtraError: Patterns or phone numbers are defined, and what finds them is not installed.

    Example:
        ```python
        finder = EntityFinder(read_definitions("entities.json"))
        finder.find("내일 서울에서 봐요")
        ```
    """

    def __init__(self, definitions: EntityDefinitions, *, region: str = "KR") -> None:
        check_definitions(definitions)
        self.definitions = definitions
        self.region = region
        self._values = ValueTable(definitions.entities)
        self._patterns = PatternTable(definitions.entities)
        self._kinds = {name: entity.system for name, entity in definitions.entities.items() if entity.system}
        for name, kinds in self._kinds.items():
            for kind in kinds:
                check_choice(f"A kind of {name!r}", kind, FINDERS)
                if kind == "phone" and region not in need("phonenumbers").SUPPORTED_REGIONS:
                    raise ConfigError(f"region is the code of a country, such as KR or US, not {shorten(region)}.")
        self._rank = {name: number for number, name in enumerate(definitions.entities)}
        self._synonyms = {
            folded_word(word): value for value, words in definitions.synonyms.items() for word in (value, *words)
        }

    def find(self, text: str, *, now: datetime | None = None) -> tuple[PredictedEntity, ...]:
        """The entities of one utterance, in its order; none overlaps another.

        Args:
            text: The utterance.
            now: What "tomorrow" counts from; the time of the call if None.

        Raises:
            TextError: It is no text, or empty.
            ConfigError: `now` is no `datetime`.

        Warns:
            DataWarning: A pattern took too long and was given up.
        """
        check_text(text, "The text")
        now = datetime.now() if now is None else now
        if not isinstance(now, datetime):
            raise ConfigError(f"now is a datetime, not {shorten(now)}.")
        letters = folded(text)
        found = [*self._of_values(text, letters), *self._of_patterns(text)]
        found += self._of_kinds(text, letters, now)
        return _without_overlaps(sorted(found, key=self._order))

    def value_of(self, span: str) -> str:
        """What the words of an entity stand for by the synonyms of whatever entity; else these words."""
        return self._synonyms.get(folded_word(span), span)

    def _of_values(self, text: str, letters: NormalisedText) -> Iterator[PredictedEntity]:
        for start, end, name, value in self._values.find(letters):
            yield PredictedEntity(start, end, text[start:end], name, value, None, 1.0, "values")

    def _of_patterns(self, text: str) -> Iterator[PredictedEntity]:
        for start, end, name in self._patterns.find(composed(text)):
            span = text[start:end]
            yield PredictedEntity(start, end, span, name, self.value_of(span), None, 1.0, "pattern")

    def _of_kinds(self, text: str, letters: NormalisedText, now: datetime) -> Iterator[PredictedEntity]:
        by_kind: dict[str, list[tuple[int, int, str]]] = {}
        for kind in dict.fromkeys(kind for kinds in self._kinds.values() for kind in kinds):
            by_kind[kind] = []
            for start, end, value in FINDERS[kind](letters.text, now, self.region):
                span = letters.span(start, end)
                if span is not None:
                    by_kind[kind].append((*span, text[slice(*span)] if value is None else value))
        for name, kinds in self._kinds.items():
            own = [
                PredictedEntity(start, end, text[start:end], name, value, None, 1.0, kind)
                for kind in kinds
                for start, end, value in by_kind[kind]
            ]
            yield from own
            yield from _dates_with_times(own, text)

    def _order(self, entity: PredictedEntity) -> tuple[int, int, int, int]:
        source = {"values": 0, "pattern": 1}.get(entity.source, 2)
        return entity.start - entity.end, source, self._rank[entity.entity], entity.start


def _dates_with_times(found: list[PredictedEntity], text: str) -> Iterator[PredictedEntity]:
    """A day and a time side by side, of an entity that is either, as one."""
    found = sorted(found, key=lambda entity: entity.start)
    days = [entity for entity in found if entity.source == "date" and len(entity.value) == len("2026-12-03")]
    times = [entity for entity in found if entity.source == "time"]
    for firsts, seconds in ((days, times), (times, days)):
        starts = [second.start for second in seconds]
        for first in firsts:
            # Only the next one can be beside it.
            next_one = bisect_left(starts, first.end)
            if next_one < len(starts) and _BETWEEN_DATE_AND_TIME.fullmatch(text, first.end, starts[next_one]):
                second = seconds[next_one]
                day, time = (first, second) if first.source == "date" else (second, first)
                start, end = first.start, second.end
                value = f"{day.value}T{time.value}"
                yield replace(day, start=start, end=end, text=text[start:end], value=value)


def _without_overlaps(found: Iterable[PredictedEntity]) -> tuple[PredictedEntity, ...]:
    """Those that share no character with one before them, in the order of the text."""
    taken: set[int] = set()
    kept = []
    for entity in found:
        if taken.isdisjoint(range(entity.start, entity.end)):
            taken.update(range(entity.start, entity.end))
            kept.append(entity)
    return tuple(sorted(kept, key=lambda entity: entity.start))
