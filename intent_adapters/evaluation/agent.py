"""How good one agent is: at telling its intents apart, at knowing how sure to be, and at keeping out of the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from datasets import Dataset
from numpy.typing import NDArray

from intent_adapters.data import texts_of, validate_rows
from intent_adapters.data.texts import Texts
from intent_adapters.errors import DataError
from intent_adapters.evaluation.answers import Answers, ask
from intent_adapters.evaluation.calibration import CalibrationScores, score_calibration
from intent_adapters.evaluation.classification import ClassificationScores, score_labels
from intent_adapters.evaluation.out_of_scope import (
    OutOfScopeScores,
    RejectionScores,
    score_out_of_scope,
    score_rejection,
)
from intent_adapters.evaluation.selective import RiskCoverage, risk_coverage
from intent_adapters.model import IntentModel


@dataclass(frozen=True, slots=True)
class Evaluation(ClassificationScores):
    """The classification scores of an agent, and how far it can be trusted.

    Attributes:
        agent: The agent's name.
        threshold: The threshold that it was asked with; None if neither it nor the call has one.
        calibration: Of its probabilities, on the labelled rows.
        rejection: What its threshold does to the labelled rows.
        selective: Risk against coverage on the labelled rows, by the probability of the answer.
        out_of_scope: How well it keeps out-of-scope rows out; None where none were given.
        labels: The true labels of the labelled rows.
        answers: What it said to the labelled rows.
        out_of_scope_answers: What it said to the out-of-scope rows, if any.
    """

    agent: str
    threshold: float | None
    calibration: CalibrationScores
    rejection: RejectionScores
    selective: RiskCoverage
    out_of_scope: OutOfScopeScores | None
    labels: tuple[str, ...] = field(compare=False, repr=False)
    answers: Answers = field(compare=False, repr=False)
    out_of_scope_answers: Answers | None = field(compare=False, repr=False)

    @property
    def correct(self) -> NDArray[np.bool_]:
        """(rows,) whether each labelled row's most probable intent was right."""
        return np.array([true == said for true, said in zip(self.labels, self.answers.labels, strict=True)])


def evaluate(
    model: IntentModel,
    rows: Dataset | Sequence[Mapping[str, object]],
    agent: str | None = None,
    *,
    out_of_scope: Texts | None = None,
    threshold: float | None = None,
    batch_size: int = 64,
) -> Evaluation:
    """Lets an agent answer labelled rows, and perhaps rows that it has no intent for, and scores what it says.

    In the classification scores, the calibration and the risk-coverage curve the threshold plays no part.

    Args:
        model: The model.
        rows: `text` and `label`; see `intent_adapters.data.validate_rows`.
        agent: The agent's name; may be left out if the model has just one.
        out_of_scope: Utterances that it should reject: texts, or rows whose labels play no part.
        threshold: As in `IntentModel.predict`; None takes the agent's own.
        batch_size: Texts in one pass of the encoder, at most.

    Returns:
        Classification scores with all others beside them.

    Raises:
        DataError: The rows or the texts cannot be used, or the rows hold labels that the agent does not know.
        AgentError: The agent is not in memory, or none is named where there are several.
        ConfigError: The threshold is out of range.
    """
    rows = validate_rows(rows, purpose="evaluation")
    agent = model.sole_agent() if agent is None else agent
    labels: list[str] = rows["label"][:]
    unknown = sorted(set(labels) - set(model.labels(agent)))
    if unknown:
        raise DataError(
            f"{len(unknown)} labels of the rows are not intents of agent {agent!r}, such as {unknown[0]!r}; "
            "correct them, leave these rows out, or evaluate the agent that they belong to"
        )
    others = None if out_of_scope is None else texts_of(out_of_scope, "out_of_scope")
    answers = ask(model, rows["text"][:], agent, threshold=threshold, batch_size=batch_size)
    foreign = None if others is None else ask(model, others, agent, threshold=threshold, batch_size=batch_size)
    classification = score_labels(labels, answers.labels)
    numbers = np.array([answers.intents.index(label) for label in labels])
    correct = answers.predicted == numbers
    return Evaluation(
        rows=classification.rows,
        accuracy=classification.accuracy,
        macro_f1=classification.macro_f1,
        intents=classification.intents,
        confusions=classification.confusions,
        agent=agent,
        threshold=model.adapter(agent).config.calibration.threshold if threshold is None else threshold,
        calibration=score_calibration(answers.probabilities, numbers),
        rejection=score_rejection(answers.accepted, correct),
        selective=risk_coverage(answers.confidence, correct),
        out_of_scope=None
        if foreign is None
        else score_out_of_scope(answers.scores, foreign.scores, answers.accepted, foreign.accepted),
        labels=tuple(labels),
        answers=answers,
        out_of_scope_answers=foreign,
    )
