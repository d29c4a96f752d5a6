"""The single utterances that an agent got wrong."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from intent_adapters.data.row_files import write_rows
from intent_adapters.evaluation.answers import Answers
from intent_adapters.evaluation.arrays import Figures

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
    """What an agent got wrong.

    Args:
        answers: To labelled rows.
        labels: Their intents.
        out_of_scope: Answers to utterances that should be rejected.
        catch_all: The intents that stand for what has no intent: their rows are to be rejected.

    Returns:
        The wrong ones first, then those wrongly accepted, both with the surest first; then those falsely rejected,
        with the one first that was nearest to being accepted.
    """
    found = [
        _mistake(kind, answers, row, meant)
        for row, (meant, said, accepted) in enumerate(
            zip(labels, answers.labels, answers.accepted.tolist(), strict=True)
        )
        if (kind := kind_of_mistake(meant, said, accepted, catch_all))
    ]
    if out_of_scope is not None:
        accepted_rows = out_of_scope.accepted.nonzero()[0].tolist()
        found += [_mistake("wrongly accepted", out_of_scope, row, None) for row in accepted_rows]
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
    path: str | Path, mistakes: Sequence[Mistake], places: Sequence[str] = (), out_of_scope_places: Sequence[str] = ()
) -> None:
    """Writes mistakes, one a row.

    Args:
        path: Of a .csv or .jsonl file.
        mistakes: The mistakes.
        places: Where each labelled row stands, by its index, such as `test.csv:17`.
        out_of_scope_places: Where each out-of-scope utterance stands.

    Raises:
        ConfigError: The file has another suffix, or its folder is not there.
    """
    rows = (
        {
            "kind": mistake.kind,
            "place": place_of(mistake, places, out_of_scope_places),
            "text": mistake.text,
            "meant": mistake.meant,
            "said": mistake.said,
            "probability": round(mistake.probability, 4),
            "scope_score": None if mistake.scope_score is None else round(mistake.scope_score, 4),
        }
        for mistake in mistakes
    )
    write_rows(path, COLUMNS, rows)


def place_of(mistake: Mistake, places: Sequence[str], out_of_scope_places: Sequence[str] = ()) -> str:
    """Where the row of a mistake stands; empty where places are not known."""
    known = out_of_scope_places if mistake.meant is None else places
    return known[mistake.row] if known else ""


def _mistake(kind: MistakeKind, answers: Answers, row: int, meant: str | None) -> Mistake:
    return Mistake(
        kind=kind,
        text=answers.texts[row],
        meant=meant,
        said=answers.labels[row],
        probability=float(answers.confidence[row]),
        scope_score=float(answers.scores[row]),
        row=row,
    )


def _order(mistake: Mistake) -> tuple[int, float]:
    sure = mistake.probability if mistake.kind == "wrong" else mistake.scope_score or 0.0
    return KINDS.index(mistake.kind), -sure
