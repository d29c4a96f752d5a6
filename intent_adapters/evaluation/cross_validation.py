"""How good an agent will be, where there is no test set: its own utterances, held out in turn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from intent_adapters.adapter_config import AdapterConfig
from intent_adapters.data import texts_of, validate_rows
from intent_adapters.data.texts import Texts
from intent_adapters.errors import DataError
from intent_adapters.evaluation.agent import Evaluation, Rows, score_answers
from intent_adapters.evaluation.answers import Answers, ask
from intent_adapters.evaluation.arrays import Figures
from intent_adapters.evaluation.classification import ClassificationScores, score_labels
from intent_adapters.evaluation.mistakes import Mistake
from intent_adapters.evaluation.sampling import share_interval
from intent_adapters.inputs import check_range
from intent_adapters.model import IntentModel
from intent_adapters.training import HeldOut, train_agent
from intent_adapters.training.agent.held_out import HeldOutSource
from intent_adapters.training.randomness import check_seed

AGENT = "cross-validated"


@dataclass(frozen=True, slots=True)
class HeldOutScores(ClassificationScores):
    """What a training found out by itself: how agents like the trained one do on utterances that they did not see.

    Attributes:
        source: As `HeldOut.source`; from cross-validation the agent itself will do better.
        interval: 95 % interval of the accuracy, from the number of utterances alone.
        mistakes: The wrong answers, the surest first. Nothing is rejected here.
    """

    source: HeldOutSource
    interval: tuple[float, float]
    mistakes: tuple[Mistake, ...]


def score_held_out(held_out: HeldOut) -> HeldOutScores:
    """Scores what `train_agent` held out to calibrate the agent, which costs nothing more.

    Args:
        held_out: `TrainingResult.held_out`.

    Returns:
        Accuracy, confusions and each wrong answer.
    """
    best = held_out.probabilities.argmax(axis=1)
    said = [held_out.intents[number] for number in best]
    scores = score_labels(held_out.labels, said)
    wrong = [
        Mistake("wrong", text, meant, answer, float(held_out.probabilities[row, best[row]]), None, row)
        for row, (text, meant, answer) in enumerate(zip(held_out.texts, held_out.labels, said, strict=True))
        if meant != answer
    ]
    return HeldOutScores(
        **scores.figures(),
        source=held_out.source,
        interval=share_interval(scores.accuracy, scores.rows),
        mistakes=tuple(sorted(wrong, key=lambda mistake: -mistake.probability)),
    )


@dataclass(frozen=True, slots=True)
class CrossValidation(Figures):
    """What `cross_validate` found.

    Attributes:
        evaluation: Of all held-out rows together, fold after fold. Of its `mistakes`, `row` is the index in the
            training rows.
        accuracies: Of each fold.
        never_held_out: How many rows were in every training, each the only one of its intent.
    """

    evaluation: Evaluation
    accuracies: tuple[float, ...]
    never_held_out: int


def cross_validate(
    model: IntentModel,
    rows: Rows,
    *,
    folds: int = 5,
    seed: int = 0,
    out_of_scope: Texts | None = None,
    on_fold: Callable[[int, float], None] | None = None,
    **options: Any,
) -> CrossValidation:
    """Trains on all folds but one and asks about that one, in turn, so that every utterance is new to who answers it.

    Args:
        model: The base to train on; it is left without the agents that are trained.
        rows: The training data.
        folds: In how many parts the utterances of each intent are dealt; that many trainings.
        seed: Of the deal and of the trainings.
        out_of_scope: Utterances that should be rejected, for the evaluation alone; each fold answers a part of them.
        on_fold: Called after each fold with its number, from 1, and its accuracy.
        **options: As `train_agent`.

    Returns:
        The evaluation of all answers together. Its threshold is the mean of the folds'.

    Raises:
        DataError: The rows cannot be trained on, or no intent has two utterances.
        ConfigError: A setting is out of range.
    """
    check_range("folds", folds, 2)
    check_seed(seed)
    examples = validate_rows(rows)
    foreign = [] if out_of_scope is None else texts_of(out_of_scope, "out_of_scope")
    fold_of = _deal(examples["label"][:], folds, seed)
    if not (fold_of >= 0).any():
        raise DataError(
            "no intent has two utterances, so that none can be held out: add utterances, or measure on a test file"
        )
    count = int(fold_of.max()) + 1
    own = IntentModel(model.base, name=model.base_name, revision=model.base_revision)
    held_out = [np.flatnonzero(fold_of == fold).tolist() for fold in range(count)]
    answers: list[Answers] = []
    of_foreign: list[Answers] = []
    accuracies: list[float] = []
    configs: list[AdapterConfig] = []
    for fold, numbers in enumerate(held_out):
        rest = examples.select(np.flatnonzero(fold_of != fold))
        result = train_agent(own, AGENT, rest, seed=seed, progress=False, replace=True, **options)
        configs.append(result.config)
        part = examples.select(numbers)
        answers.append(ask(result.model, part["text"][:], AGENT))
        if others := foreign[fold::count]:
            of_foreign.append(ask(result.model, others, AGENT))
        accuracies.append(score_labels(part["label"][:], answers[-1].labels).accuracy)
        if on_fold is not None:
            on_fold(fold + 1, accuracies[-1])
    asked = [number for numbers in held_out for number in numbers]
    thresholds = [config.calibration.threshold for config in configs]
    evaluation = score_answers(
        _joined(answers),
        examples.select(asked)["label"][:],
        _joined(of_foreign) if of_foreign else None,
        agent=AGENT,
        threshold=None if None in thresholds else fmean(filter(None, thresholds)),
        catch_all=configs[0].catch_all or (),
    )
    asked_foreign = [number for fold in range(count) for number in range(fold, len(foreign), count)]
    mistakes = [
        replace(mistake, row=(asked_foreign if mistake.meant is None else asked)[mistake.row])
        for mistake in evaluation.mistakes
    ]
    return CrossValidation(replace(evaluation, mistakes=tuple(mistakes)), tuple(accuracies), int((fold_of < 0).sum()))


def _deal(labels: Sequence[str], folds: int, seed: int) -> NDArray[np.int64]:
    """(rows,) the fold that holds each row out, every intent's spread evenly; -1 for the only one of an intent."""
    order = np.random.default_rng(seed).permutation(len(labels))
    order = order[np.argsort([labels[row] for row in order], kind="stable")]
    counts = Counter(labels)
    fold_of = np.full(len(labels), -1)
    repeated = [row for row in order if counts[labels[row]] > 1]
    fold_of[repeated] = np.arange(len(repeated)) % folds
    return fold_of


def _joined(parts: Sequence[Answers]) -> Answers:
    """Answers of agents that have the same intents, as those of one."""
    return Answers(
        texts=tuple(text for part in parts for text in part.texts),
        intents=parts[0].intents,
        probabilities=np.concatenate([part.probabilities for part in parts]),
        predicted=np.concatenate([part.predicted for part in parts]),
        scores=np.concatenate([part.scores for part in parts]),
        accepted=np.concatenate([part.accepted for part in parts]),
    )
