"""How well the entities found in utterances agree with those marked in them."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from intent_adapters.data import EntityAnnotation
from intent_adapters.errors import DataError
from intent_adapters.evaluation.arrays import Figures
from intent_adapters.prediction import PredictedEntity

EntityMistakeKind = Literal["missed", "wrong type", "wrong boundaries", "spurious"]
KINDS: tuple[EntityMistakeKind, ...] = get_args(EntityMistakeKind)


@dataclass(frozen=True, slots=True, order=True)
class EntitySpan(Figures):
    """Where an entity is in an utterance, and which.

    Attributes:
        start: The offset of its first character.
        end: The offset behind its last character.
        entity: Its type, such as `city`.
        text: What stands between the offsets.
    """

    start: int
    end: int
    entity: str
    text: str

    def __str__(self) -> str:
        return f"{self.entity}: {self.text}"


@dataclass(frozen=True, slots=True)
class EntityScore(Figures):
    """One entity's figures.

    Attributes:
        entity: Its type, such as `city`.
        precision: Share of those found whose span and type were right; 0 if none was found.
        recall: Share of those marked that were found; 0 if none was marked.
        f1: Harmonic mean of the two.
        lenient_f1: The same where it is enough that the spans overlap.
        support: How many were marked.
        predicted: How many were found.
    """

    entity: str
    precision: float
    recall: float
    f1: float
    lenient_f1: float
    support: int
    predicted: int


@dataclass(frozen=True, slots=True)
class EntityConfusion(Figures):
    """A cell of the confusion table: entities of one type that were found as one of another, or of the same.

    Attributes:
        meant: The type that was marked; None for what is spurious.
        said: The type that was found there; None for what was missed.
        count: How many.
    """

    meant: str | None
    said: str | None
    count: int


@dataclass(frozen=True, slots=True)
class EntityMistake(Figures):
    """An entity that was not found as it was marked, or was found where none is marked.

    Attributes:
        kind: `"missed"`: nothing was found there. `"wrong type"`: what was found there, in whole or in part, has
            another type. `"wrong boundaries"`: the type is right, and the spans overlap. `"spurious"`: nothing is
            marked there.
        text: The utterance.
        meant: What was marked; None for what is spurious.
        said: What was found; None for what was missed.
        row: The index, from 0, of the utterance in the rows that were handed over.
    """

    kind: EntityMistakeKind
    text: str
    meant: EntitySpan | None
    said: EntitySpan | None
    row: int

    @property
    def entity(self) -> str:
        """The type that was marked, or else the one that was found."""
        return (self.meant or self.said).entity  # type: ignore[union-attr]


@dataclass(frozen=True, slots=True)
class EntityScores(Figures):
    """How well found entities agree with marked ones. Each entity counts alike ("micro").

    Exactly right are spans with the same start, end and type; leniently right also those of the same type that
    overlap, each with one other. What is marked, or found, twice with the same span and type counts once.

    Attributes:
        rows: How many utterances were scored: those of which is known what entities they have, be it none.
        unknown_rows: How many were left out, as nobody said what entities they have.
        support: How many entities were marked.
        predicted: How many were found.
        precision: Share of those found that were exactly right; 0 if none was found.
        recall: Share of those marked that were found exactly; 0 if none was marked.
        f1: Harmonic mean of the two.
        lenient_precision: As `precision`, of those leniently right.
        lenient_recall: As `recall`.
        lenient_f1: As `f1`; how far it is above `f1` is what wrong boundaries cost.
        valued: How many of the exactly right ones are marked with a value that is not their text.
        value_accuracy: Share of these whose value was right, composed (NFC); None where there are none.
        role_accuracy: Share of the exactly right ones marked with a role whose role was right; None where there are
            none, or no role was found at all.
        entities: The types, lowest F1 first.
        confusion_table: Marked by found types, also of those leniently right; most often first.
        mistakes: Each entity that was not exactly right, in the order of the rows.
    """

    rows: int
    unknown_rows: int
    support: int
    predicted: int
    precision: float
    recall: float
    f1: float
    lenient_precision: float
    lenient_recall: float
    lenient_f1: float
    valued: int
    value_accuracy: float | None
    role_accuracy: float | None
    entities: tuple[EntityScore, ...]
    confusion_table: tuple[EntityConfusion, ...]
    mistakes: tuple[EntityMistake, ...]


Pair: TypeAlias = tuple[EntitySpan | None, EntitySpan | None]


def score_entities(
    texts: Sequence[str],
    marked: Sequence[Sequence[EntityAnnotation] | None],
    found: Sequence[Sequence[PredictedEntity]],
) -> EntityScores:
    """Compares found with marked entities.

    Args:
        texts: The utterances.
        marked: What is marked in each, none or several, which may overlap; None where nobody said what there is: such
            utterances are left out.
        found: What was found in each.

    Returns:
        F1, exact and lenient, of all entities and by type; the confusion table, and each mistake.

    Raises:
        DataError: There are not as many of one as of the others, or nobody said of any text what it has.
    """
    if not len(texts) == len(marked) == len(found):
        raise DataError(
            f"{len(texts)} texts, {len(marked)} lists of marked and {len(found)} of found entities; give one for each"
        )
    support, predicted, exact, lenient = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    cells: Counter[tuple[str | None, str | None]] = Counter()
    mistakes: list[EntityMistake] = []
    values: list[bool] = []
    roles: list[bool] = []
    known = [row for row, entities in enumerate(marked) if entities is not None]
    if not known:
        raise DataError("no text is annotated; give a list for each, an empty one where there are no entities")
    for row in known:
        gold, said = _by_span(texts[row], marked[row] or ()), _by_span(texts[row], found[row])
        support.update(span.entity for span in gold)
        predicted.update(span.entity for span in said)
        for one, other in paired(list(gold), list(said)):
            cells[one.entity if one else None, other.entity if other else None] += 1
            if one and other and one.entity == other.entity:
                lenient[one.entity] += 1
            if one == other and one and other:
                exact[one.entity] += 1
                values += _right("value", [mark for mark in gold[one] if mark.value != one.text], said[other])
                roles += _right("role", [mark for mark in gold[one] if mark.role is not None], said[other])
            else:
                mistakes.append(EntityMistake(_kind(one, other), texts[row], one, other, row))
    entities = [
        EntityScore(
            name,
            *_figures(exact[name], support[name], predicted[name]),
            _figures(lenient[name], support[name], predicted[name])[2],
            support[name],
            predicted[name],
        )
        for name in support | predicted
    ]
    tells_roles = any(entity.role is not None for row in known for entity in found[row])
    return EntityScores(
        len(known),
        len(texts) - len(known),
        support.total(),
        predicted.total(),
        *_figures(exact.total(), support.total(), predicted.total()),
        *_figures(lenient.total(), support.total(), predicted.total()),
        len(values),
        _share(values),
        _share(roles) if tells_roles else None,
        tuple(sorted(entities, key=lambda entity: (entity.f1, entity.entity))),
        tuple(
            EntityConfusion(meant, name, count)
            for (meant, name), count in sorted(
                cells.items(), key=lambda cell: (-cell[1], cell[0][0] or "", cell[0][1] or "")
            )
        ),
        tuple(mistakes),
    )


def paired(gold: Sequence[EntitySpan], said: Sequence[EntitySpan]) -> list[Pair]:
    """Marked and found spans of one text, each with at most one of the others, in the order of the text.

    The most alike are paired first: the same span and type, then the same type, then any, of these the ones that share
    the most characters. The rest stays alone.
    """
    candidates = [
        (one != other, one.entity != other.entity, -shared, one, other)
        for one in gold
        for other in said
        if (shared := min(one.end, other.end) - max(one.start, other.start)) > 0
    ]
    partner: dict[EntitySpan, EntitySpan] = {}
    taken: set[EntitySpan] = set()
    for *_, one, other in sorted(candidates):
        if one not in partner and other not in taken:
            partner[one] = other
            taken.add(other)
    pairs: list[Pair] = [(one, partner.get(one)) for one in gold]
    pairs += [(None, other) for other in said if other not in taken]
    return sorted(pairs, key=lambda pair: next(filter(None, pair)))


Marks: TypeAlias = Sequence[EntityAnnotation] | Sequence[PredictedEntity]


def _by_span(text: str, entities: Marks) -> Mapping[EntitySpan, list[EntityAnnotation | PredictedEntity]]:
    spans: dict[EntitySpan, list[EntityAnnotation | PredictedEntity]] = defaultdict(list)
    for entity in entities:
        spans[EntitySpan(entity.start, entity.end, entity.entity, text[entity.start : entity.end])].append(entity)
    return spans


def _right(
    what: Literal["value", "role"],
    meant: Sequence[EntityAnnotation | PredictedEntity],
    said: Sequence[EntityAnnotation | PredictedEntity],
) -> list[bool]:
    """Whether one of what is meant was said; nothing where nothing is meant."""
    expected, given = ({_composed(getattr(entity, what)) for entity in entities} for entities in (meant, said))
    return [not expected.isdisjoint(given)] if expected else []


def _composed(text: str | None) -> str | None:
    return text and unicodedata.normalize("NFC", text)


def _kind(meant: EntitySpan | None, said: EntitySpan | None) -> EntityMistakeKind:
    if meant is None:
        return "spurious"
    if said is None:
        return "missed"
    return "wrong boundaries" if meant.entity == said.entity else "wrong type"


def _figures(right: int, support: int, predicted: int) -> tuple[float, float, float]:
    """Precision, recall and F1, 0 where they are of nothing."""
    return right / max(predicted, 1), right / max(support, 1), 2 * right / max(support + predicted, 1)


def _share(right: Sequence[bool]) -> float | None:
    return sum(right) / len(right) if right else None
