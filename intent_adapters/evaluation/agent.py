"""How good one agent is: at telling its intents apart, at knowing how sure to be, and at keeping out of the rest."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from datasets import Dataset
from numpy.typing import NDArray

from intent_adapters.data import EntityAnnotation, texts_of, validate_rows
from intent_adapters.data.texts import Texts
from intent_adapters.data.validation import reduced
from intent_adapters.errors import DataError, shorten
from intent_adapters.evaluation.answers import Answers, ask
from intent_adapters.evaluation.calibration import CalibrationScores, score_calibration
from intent_adapters.evaluation.classification import ClassificationScores, score_labels
from intent_adapters.evaluation.entities import EntityScores, score_entities
from intent_adapters.evaluation.mistakes import Mistake, find_mistakes
from intent_adapters.evaluation.out_of_scope import (
    OutOfScopeScores,
    RejectionScores,
    score_out_of_scope,
    score_rejection,
)
from intent_adapters.evaluation.sampling import share_interval
from intent_adapters.evaluation.selective import RiskCoverage, risk_coverage
from intent_adapters.model import IntentModel

Rows: TypeAlias = Dataset | Sequence[Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Evaluation(ClassificationScores):
    """The classification scores of an agent, how far it can be trusted, and each utterance that it got wrong.

    Attributes:
        interval: 95 % interval of the accuracy, from the number of rows alone.
        agent: The agent's name.
        threshold: The threshold that it was asked with; None if neither it nor the call has one.
        calibration: Of its probabilities, on the labelled rows.
        rejection: What its threshold does to the labelled rows, without those of a catch-all intent.
        selective: Risk against coverage on the labelled rows, by the probability of the answer.
        out_of_scope: How well it keeps out-of-scope rows out; None where none were given.
        trained_on: How many of the labelled rows are training rows too, which flatters all figures; None where the
            training rows were not given.
        mistakes: What it got wrong; see `Mistake`.
        entities: How well it finds what is marked in the labelled rows; None where nothing is marked in any, or the
            agent does not look for entities.
        labels: The true labels of the labelled rows.
        answers: What it said to the labelled rows.
        out_of_scope_answers: What it said to the out-of-scope rows, if any.
    """

    interval: tuple[float, float]
    agent: str
    threshold: float | None
    calibration: CalibrationScores
    rejection: RejectionScores
    selective: RiskCoverage
    out_of_scope: OutOfScopeScores | None
    trained_on: int | None
    mistakes: tuple[Mistake, ...]
    entities: EntityScores | None
    labels: tuple[str, ...] = field(compare=False, repr=False)
    answers: Answers = field(compare=False, repr=False)
    out_of_scope_answers: Answers | None = field(compare=False, repr=False)

    @property
    def correct(self) -> NDArray[np.bool_]:
        """(rows,) whether each labelled row's most probable intent was right."""
        return np.array([true == said for true, said in zip(self.labels, self.answers.labels, strict=True)])

    def to_dict(self) -> dict[str, Any]:
        """The figures as values that JSON can hold; with `entities` only if they were scored."""
        figures = ClassificationScores.to_dict(self)
        if self.entities is None:
            del figures["entities"]
        return figures


def evaluate(
    model: IntentModel,
    rows: Rows,
    agent: str | None = None,
    *,
    out_of_scope: Texts | None = None,
    train: Rows | None = None,
    threshold: float | None = None,
    batch_size: int = 64,
) -> Evaluation:
    """Lets an agent answer labelled rows, and perhaps rows that it has no intent for, and scores what it says.

    In the classification scores, the calibration and the risk-coverage curve the threshold plays no part.

    Args:
        model: The model.
        rows: `text` and `label`, and perhaps `entities`; see `intent_adapters.data.validate_rows`.
        agent: The agent's name; may be left out if the model has just one.
        out_of_scope: Utterances that it should reject: texts, or rows whose labels play no part.
        train: The rows that the agent was trained on, to count which of `rows` are among them.
        threshold: As in `IntentModel.predict`; None takes the agent's own.
        batch_size: Texts in one pass of the encoder, at most.

    Returns:
        Classification scores with all others beside them.

    Raises:
        DataError: The rows or the texts cannot be used, or the rows hold labels that the agent does not know.
        AgentError: The agent is not in memory, or none is named where there are several.
        ConfigError: The threshold is out of range.
    """
    rows = validate_rows(rows, purpose="evaluation", entities=True)
    agent = model.sole_agent() if agent is None else agent
    check_known_labels(rows["label"][:], model.labels(agent), f"agent {agent!r}")
    others = None if out_of_scope is None else texts_of(out_of_scope, "out_of_scope")
    config = model.adapter(agent).config
    return score_answers(
        ask(model, rows["text"][:], agent, threshold=threshold, batch_size=batch_size),
        rows["label"][:],
        None if others is None else ask(model, others, agent, threshold=threshold, batch_size=batch_size),
        agent=agent,
        threshold=config.calibration.threshold if threshold is None else threshold,
        catch_all=config.catch_all or (),
        trained_on=None if train is None else count_repeated(rows, train),
        marked=[
            None if entities is None else [EntityAnnotation(**entity) for entity in entities]
            for entities in rows["entities"][:]
        ],
    )


def check_known_labels(
    labels: Sequence[str], intents: Iterable[str], whose: str, rows: str = "the rows", places: Sequence[str] = ()
) -> None:
    """Lets labels of some rows pass that an agent knows, or will know; a DataError names what it does not know.

    `whose` and `rows` are what it calls the owner of the intents and the rows, `places` where each row stands, if
    known.
    """
    known = set(intents)
    unknown = list(dict.fromkeys(label for label in labels if label not in known))
    if unknown:
        place = f"{places[labels.index(unknown[0])]}: " if places else ""
        more = f" and {len(unknown) - 1} more label{'s' * (len(unknown) > 2)}" if unknown[1:] else ""
        raise DataError(
            f"{place}{shorten(unknown[0])}{more} of {rows} {'are no intents' if more else 'is no intent'} of {whose}; "
            "correct the labels, leave these rows out, or take the rows that belong to these intents"
        )


def count_repeated(rows: Dataset, train: Rows) -> int:
    """How many of some rows have a text that a training row has, whatever its white space."""
    trained = set(map(reduced, texts_of(train, "train")))
    return sum(reduced(text) in trained for text in rows["text"][:])


def score_answers(
    answers: Answers,
    labels: Sequence[str],
    out_of_scope: Answers | None = None,
    *,
    agent: str,
    threshold: float | None,
    catch_all: Collection[str] = (),
    trained_on: int | None = None,
    marked: Sequence[Sequence[EntityAnnotation] | None] = (),
) -> Evaluation:
    """Scores what was said to labelled rows, and perhaps to `out_of_scope` rows, which have no intent.

    `threshold` is what decided on acceptance. Rows of a `catch_all` intent are to be rejected. `marked` are the
    entities of the labelled rows, as `score_entities` takes them.
    """
    classification = score_labels(labels, answers.labels)
    numbers = np.array([answers.intents.index(label) for label in labels])
    correct = answers.predicted == numbers
    own = np.array([label not in catch_all for label in labels])
    own = own if own.any() else ~own
    return Evaluation(
        **classification.figures(),
        interval=share_interval(classification.accuracy, classification.rows),
        agent=agent,
        threshold=threshold,
        calibration=score_calibration(answers.probabilities, numbers),
        rejection=score_rejection(answers.accepted[own], correct[own]),
        selective=risk_coverage(answers.confidence, correct),
        out_of_scope=None
        if out_of_scope is None
        else score_out_of_scope(
            answers.scores[own], out_of_scope.scores, answers.accepted[own], out_of_scope.accepted
        ),
        trained_on=trained_on,
        mistakes=find_mistakes(answers, labels, out_of_scope, catch_all),
        entities=None
        if answers.entities is None or not any(marked)
        else score_entities(answers.texts, marked, answers.entities),
        labels=tuple(labels),
        answers=answers,
        out_of_scope_answers=out_of_scope,
    )
