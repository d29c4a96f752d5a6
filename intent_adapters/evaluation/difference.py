"""Two agents on the same utterances: which answers changed, and whether the new one is worse beyond chance."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from intent_adapters.data import texts_of, validate_rows
from intent_adapters.data.texts import Texts
from intent_adapters.evaluation.agent import Rows, check_known_labels
from intent_adapters.evaluation.answers import Answers, ask
from intent_adapters.evaluation.arrays import Figures
from intent_adapters.evaluation.mistakes import kind_of_mistake
from intent_adapters.evaluation.sampling import share_interval
from intent_adapters.model import IntentModel

Verdict = Literal["better", "no different", "worse"]
ChangeKind = Literal["worse", "better", "still wrong", "still right"]
LEVEL = 0.05
"""A difference that chance alone would bring about less often is one."""


@dataclass(frozen=True, slots=True)
class PairedScores(Figures):
    """What two agents got right of the same rows.

    A row is answered right if it was accepted and given its intent; one that should be rejected, because it is out of
    scope or its intent is a catch-all, if it was rejected.

    Attributes:
        rows: How many.
        old_accuracy: Share of the rows that the old agent answered right, between 0 and 1.
        old_interval: 95 % interval of it, from the number of rows alone.
        new_accuracy: Likewise of the new agent.
        new_interval: Likewise.
        better: How many rows only the new agent answered right.
        worse: How many only the old one did.
        p_value: How often chance alone makes the two counts differ so much or more: exact two-sided test of McNemar
            (1947).
        verdict: Of the new agent: `"no different"` unless `p_value` is below 0.05.
    """

    rows: int
    old_accuracy: float
    old_interval: tuple[float, float]
    new_accuracy: float
    new_interval: tuple[float, float]
    better: int
    worse: int
    p_value: float
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Change(Figures):
    """An utterance to which the new agent gives another answer than the old one.

    Attributes:
        kind: `"worse"`: only the old agent answered it right. `"better"`: only the new one. `"still wrong"` and
            `"still right"`: the answer is another one, and both are that.
        text: The utterance.
        meant: Its intent; None if it is out of scope.
        old: The most probable intent of the old agent.
        old_probability: Its probability, between 0 and 1.
        old_accepted: Whether the old agent took the utterance as in scope.
        new: Likewise of the new agent.
        new_probability: Likewise.
        new_accepted: Likewise.
        row: Its index, from 0, in the rows or the out-of-scope texts.
    """

    kind: ChangeKind
    text: str
    meant: str | None
    old: str
    old_probability: float
    old_accepted: bool
    new: str
    new_probability: float
    new_accepted: bool
    row: int


@dataclass(frozen=True, slots=True)
class Difference(Figures):
    """How a new agent differs from an old one.

    Attributes:
        verdict: `"worse"` if it is worse in one of the three comparisons, or else that of all labelled rows.
        labelled: All labelled rows. A row whose intent an agent does not have is wrong for that agent.
        common: The labelled rows whose intent both have; None if they have the same intents.
        out_of_scope: The out-of-scope rows; None if there are none.
        added: The intents that only the new agent has.
        removed: The intents that only the old agent has.
        changes: The utterances whose answer changed: worse, better, still wrong, still right; the surest first.
    """

    verdict: Verdict
    labelled: PairedScores
    common: PairedScores | None
    out_of_scope: PairedScores | None
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changes: tuple[Change, ...]

    @property
    def loses(self) -> bool:
        """Whether the new agent answers fewer rows right in one of the three comparisons, be it by chance."""
        compared = (self.labelled, self.common, self.out_of_scope)
        return any(scores.worse > scores.better for scores in compared if scores)


def diff_agents(
    model: IntentModel,
    rows: Rows,
    old: str,
    new: str,
    *,
    new_model: IntentModel | None = None,
    out_of_scope: Texts | None = None,
    threshold: float | None = None,
    batch_size: int = 64,
) -> Difference:
    """Lets two agents, or two versions of one, answer the same rows.

    Args:
        model: The model that has the old agent.
        rows: `text` and `label`; see `intent_adapters.data.validate_rows`. Neither may have been trained on them.
        old: The old agent's name.
        new: The new agent's name.
        new_model: The model that has the new agent, if it stands on another base; None for the same.
        out_of_scope: Utterances that should be rejected: texts, or rows whose labels play no part.
        threshold: As in `IntentModel.predict`, for both; None takes each agent's own. 0 accepts everything, and
            compares the most probable intents alone.
        batch_size: Texts in one pass of the encoder, at most.

    Returns:
        What both got right, and each utterance whose answer changed.

    Raises:
        DataError: The rows or the texts cannot be used, or a label is an intent of neither agent.
        AgentError: An agent is not in memory.
        ConfigError: The threshold is out of range.
    """
    checked = validate_rows(rows, purpose="evaluation")
    texts, labels = checked["text"][:], checked["label"][:]
    others = [] if out_of_scope is None else texts_of(out_of_scope, "out_of_scope")
    agents = [(model, old), (new_model or model, new)]
    check_known_labels(labels, [label for one, name in agents for label in one.labels(name)], "either agent")
    answers = [ask(one, [*texts, *others], name, threshold=threshold, batch_size=batch_size) for one, name in agents]
    catch_all = [one.adapter(name).config.catch_all or () for one, name in agents]
    return score_difference([*labels, *[None] * len(others)], answers[0], answers[1], (catch_all[0], catch_all[1]))


def score_difference(
    labels: Sequence[str | None],
    old: Answers,
    new: Answers,
    catch_all: tuple[Collection[str], Collection[str]] = ((), ()),
) -> Difference:
    """Compares what two agents said to the same rows; those out of scope have the label None and come last.

    `catch_all` has of each agent the intents that stand for what has no intent.
    """
    right = (_right(labels, old, catch_all[0]), _right(labels, new, catch_all[1]))
    both = set(old.intents) & set(new.intents)
    inside = np.array([label is not None for label in labels])
    shared = np.array([label in both for label in labels])
    labelled = _paired(right, inside)
    common = None if set(old.intents) == set(new.intents) or not shared.any() else _paired(right, shared)
    foreign = None if inside.all() else _paired(right, ~inside)
    is_worse = any(scores.verdict == "worse" for scores in (labelled, common, foreign) if scores)
    return Difference(
        verdict="worse" if is_worse else labelled.verdict,
        labelled=labelled,
        common=common,
        out_of_scope=foreign,
        added=tuple(intent for intent in new.intents if intent not in both),
        removed=tuple(intent for intent in old.intents if intent not in both),
        changes=_changes(labels, old, new, right, int(inside.sum())),
    )


def _right(labels: Sequence[str | None], answers: Answers, catch_all: Collection[str]) -> NDArray[np.bool_]:
    rows = zip(labels, answers.labels, answers.accepted.tolist(), strict=True)
    return np.array([kind_of_mistake(*row, catch_all) is None for row in rows], dtype=np.bool_)


def _paired(right: tuple[NDArray[np.bool_], NDArray[np.bool_]], among: NDArray[np.bool_]) -> PairedScores:
    old, new = right[0][among], right[1][among]
    better, worse = int((new & ~old).sum()), int((old & ~new).sum())
    p_value = float(binomtest(worse, better + worse).pvalue) if better + worse else 1.0
    shares = float(old.mean()), float(new.mean())
    return PairedScores(
        rows=len(old),
        old_accuracy=shares[0],
        old_interval=share_interval(shares[0], len(old)),
        new_accuracy=shares[1],
        new_interval=share_interval(shares[1], len(old)),
        better=better,
        worse=worse,
        p_value=p_value,
        verdict="no different" if p_value >= LEVEL else "worse" if worse > better else "better",
    )


def _changes(
    labels: Sequence[str | None],
    old: Answers,
    new: Answers,
    right: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    labelled: int,
) -> tuple[Change, ...]:
    kinds: dict[tuple[bool, bool], ChangeKind] = {
        (True, False): "worse",
        (False, True): "better",
        (False, False): "still wrong",
        (True, True): "still right",
    }
    said = old.labels, new.labels
    found = []
    for row, meant in enumerate(labels):
        accepted = bool(old.accepted[row]), bool(new.accepted[row])
        if accepted[0] == accepted[1] and (said[0][row] == said[1][row] or not accepted[0]):
            continue  # what was rejected before and after is the same answer
        found.append(
            Change(
                kind=kinds[bool(right[0][row]), bool(right[1][row])],
                text=old.texts[row],
                meant=meant,
                old=said[0][row],
                old_probability=float(old.confidence[row]),
                old_accepted=accepted[0],
                new=said[1][row],
                new_probability=float(new.confidence[row]),
                new_accepted=accepted[1],
                row=row if meant is not None else row - labelled,
            )
        )
    order = get_args(ChangeKind)
    return tuple(sorted(found, key=lambda change: (order.index(change.kind), -change.new_probability)))
