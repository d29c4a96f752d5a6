"""The single utterances that an agent got wrong."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from intent_adapters.data.row_files import write_rows
from intent_adapters.evaluation.answers import Answers
from intent_adapters.evaluation.arrays import Figures
from intent_adapters.evaluation.entities import EntityMistake

MistakeKind = Literal["wrong", "wrongly accepted", "falsely rejected"]
KINDS: tuple[MistakeKind, ...] = get_args(MistakeKind)
COLUMNS = ("kind", "place", "text", "meant", "said", "probability", "scope_score")


@dataclass(frozen=True, slots=True)
class Mistake(Figures):
    """An utterance that was not answered as it should be.

    Attributes:
        kind: `"wrong"`: accepted, with another intent than was meant. `"wrongly accepted"`: answered, though it is out
            of scope. `"falsely rejected"`: taken for out of scope, though it has an intent.
        text: The utterance.
        meant: Its intent; None for an out-of-scope utterance without one.
        said: The most probable intent, also where the utterance was rejected.
        probability: Of the intent that was said, between 0 and 1.
        scope_score: As `Prediction.scope_score`; None where none was computed.
        row: Its index, from 0, in the rows or the out-of-scope texts that were handed over.
    """

    kind: MistakeKind
    text: str
    meant: str | None
    said: str
    probability: float
    scope_score: float | None
    row: int


def find_mistakes(
    answers: Answers, labels: Sequence[str], out_of_scope: Answers | None = None, catch_all: Collection[str] = ()
) -> tuple[Mistake, ...]:
    """What an agent got wrong, of labelled rows and of rows out of scope; those of a `catch_all` intent are such, too.

    The wrong ones come first, then those wrongly accepted, both with the surest first; then those falsely rejected,
    with the one first that was nearest to being accepted.
    """
    found = _mistakes(answers, labels, catch_all)
    if out_of_scope is not None:
        found += _mistakes(out_of_scope, [None] * len(out_of_scope.texts))
    return tuple(sorted(found, key=_order))


def kind_of_mistake(
    meant: str | None, said: str, accepted: bool, catch_all: Collection[str] = ()
) -> MistakeKind | None:
    """What is wrong with an answer; None if it is right. Nothing is meant by an out-of-scope utterance."""
    if meant is None or meant in catch_all:
        return "wrongly accepted" if accepted else None
    if not accepted:
        return "falsely rejected"
    return None if said == meant else "wrong"


def write_mistakes(
    path: str | Path,
    mistakes: Sequence[Mistake],
    places: Sequence[str] = (),
    out_of_scope_places: Sequence[str] = (),
    entities: Sequence[EntityMistake] = (),
) -> None:
    """Writes mistakes, one a row.

    Args:
        path: Of a .csv or .jsonl file.
        mistakes: The mistakes.
        places: Where each labelled row stands, by its index, such as `test.csv:17`.
        out_of_scope_places: Where each out-of-scope utterance stands.
        entities: Mistakes in entities of the labelled rows; they come last, their kind as `"entity: missed"`, what was
            meant and said as `"city: Seoul"`.

    Raises:
        ConfigError: The file has another suffix, or its folder is not there.
    """
    rows = [{**mistake.to_dict(), "place": place_of(mistake, places, out_of_scope_places)} for mistake in mistakes]
    for wrong in entities:
        meant, said = (None if span is None else str(span) for span in (wrong.meant, wrong.said))
        place = places[wrong.row] if places else ""
        values = (f"entity: {wrong.kind}", place, wrong.text, meant, said, None, None)
        rows.append(dict(zip(COLUMNS, values, strict=True)))
    write_rows(path, COLUMNS, rows, digits=4)


def place_of(mistake: Mistake, places: Sequence[str], out_of_scope_places: Sequence[str] = ()) -> str:
    """Where the row of a mistake stands; empty where places are not known."""
    known = out_of_scope_places if mistake.meant is None else places
    return known[mistake.row] if known else ""


def _mistakes(answers: Answers, labels: Sequence[str | None], catch_all: Collection[str] = ()) -> list[Mistake]:
    said, probabilities = answers.labels, answers.confidence.tolist()
    return [
        Mistake(kind, answers.texts[row], meant, said[row], probabilities[row], float(answers.scores[row]), row)
        for row, meant in enumerate(labels)
        if (kind := kind_of_mistake(meant, said[row], bool(answers.accepted[row]), catch_all))
    ]


def _order(mistake: Mistake) -> tuple[int, float]:
    sure = mistake.probability if mistake.kind == "wrong" else mistake.scope_score or 0.0
    return KINDS.index(mistake.kind), -sure
