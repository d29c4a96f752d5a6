"""What is likely wrong with entities that are marked in training data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from intent_adapters.data.annotations import EntityAnnotation, overlapping
from intent_adapters.data.check import Finding
from intent_adapters.data.definitions import Definition, EntityDefinitions
from intent_adapters.data.reading import Source, read_annotated
from intent_adapters.data.table import Row
from intent_adapters.entities.normalised import composed, folded, folded_word
from intent_adapters.entities.values import ValueTable
from intent_adapters.entities.words import ends_word, starts_word
from intent_adapters.errors import shorten

RARE = 2


def check_entities(source: Source, **reading: Any) -> tuple[Finding, ...]:
    """Looks for likely mistakes in what is marked in utterances; nothing is changed.

    Args:
        source: As `read_intents`.
        **reading: As `read_intents`.

    Returns:
        Words that are marked in some utterances and not in others, marks that begin or end inside of a word or overlap
        others, and entities with one or two examples that nothing defines.

    Raises:
        DataError: The data cannot be read; see `read_annotated`.

    Example:
        ```python
        [(finding.places, finding.reason) for finding in check_entities("clinic.jsonl")]
        ```
    """
    return check_marks(*read_annotated(source, purpose="evaluation", **reading))


def check_marks(rows: Sequence[Row], definitions: EntityDefinitions) -> tuple[Finding, ...]:
    """As `check_entities`, of rows that were read, and what was read with them."""
    cut = [finding for row in rows for finding in _parts_of_words(row)]
    crossing = [finding for row in rows for finding in _overlapping(row)]
    return (*_unmarked(rows), *cut, *crossing, *_rare(rows, definitions))


def _unmarked(rows: Sequence[Row]) -> Iterable[Finding]:
    """What is marked at least as often as not."""
    marked: dict[str, Counter[str]] = {}
    for row in rows:
        for entity in row.entities:
            marked.setdefault(entity.entity, Counter())[folded_word(row.text[entity.start : entity.end])] += 1
    table = ValueTable({name: Definition(dict.fromkeys(words, ())) for name, words in marked.items()})
    missing: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row.annotated:
            for start, end, name, said in table.find(folded(row.text)):
                if not any(start < entity.end and end > entity.start for entity in row.entities):
                    missing.setdefault((name, said), []).append(row)
    for (name, said), own in missing.items():
        count = marked[name][said]
        if count >= len(own):
            elsewhere = f"as {shorten(name)} in {count:,} other place{'s' * (count > 1)}"
            reason = f"{shorten(said)} is not marked here, and {elsewhere}"
            yield Finding.of("unmarked entity", own, reason, "mark it if that is meant here, too", [name])


def _parts_of_words(row: Row) -> Iterable[Finding]:
    text = composed(row.text)
    starts, ends = list(text.starts), list(text.ends)
    for entity in row.entities:
        # Of Hangul that is taken apart a mark may be half a syllable.
        whole = entity.start in starts and entity.end in ends
        if not (
            whole
            and starts_word(text.text, starts.index(entity.start))
            and ends_word(text.text, len(ends) - ends[::-1].index(entity.end))
        ):
            reason = f"{_shown(row, entity)} begins or ends inside of a word"
            yield Finding.of("part of a word", [row], reason, "mark whole words if they are meant", [entity.entity])


def _overlapping(row: Row) -> Iterable[Finding]:
    for entity in overlapping(row.entities):
        reason = f"{_shown(row, entity)} overlaps another entity, and is not learned"
        yield Finding.of("overlapping entities", [row], reason, "mark the one that is meant", [entity.entity])


def _rare(rows: Sequence[Row], definitions: EntityDefinitions) -> Iterable[Finding]:
    marked: dict[str, list[Row]] = {}
    for row in rows:
        for name in dict.fromkeys(entity.entity for entity in row.entities):
            marked.setdefault(name, []).append(row)
    for name, own in marked.items():
        if len(own) <= RARE and not definitions.entities.get(name, Definition()).to_dict():
            reason = f"{shorten(name)} is marked in {len(own)} utterance{'s' * (len(own) > 1)}, and nothing defines it"
            yield Finding.of("rare entity", own, reason, "mark it in five or more, or define it", [name])


def _shown(row: Row, entity: EntityAnnotation) -> str:
    return f"{shorten(row.text[entity.start : entity.end])}, marked as {shorten(entity.entity)},"
