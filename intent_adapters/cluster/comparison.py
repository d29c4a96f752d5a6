"""An agent's old adapter beside its new one, on utterances that neither was trained on."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Literal

from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.data.agents import AgentData
from intent_adapters.data.validation import reduced
from intent_adapters.errors import BaseError, BaseMismatchError, DataError
from intent_adapters.evaluation.difference import Verdict, diff_agents
from intent_adapters.model import IntentModel

MAY_HAVE_SEEN = "the old one was trained on other utterances, perhaps on some of these"
ESTIMATED = "of agents like each, trained in short on parts of the utterances"
NOT_COMPARED = (
    "nothing that both have not seen: there are no test utterances, and the two were not cross-validated on the same "
    "utterances"
)


OLD, NEW = "old", "new"


def points_between(old: float, new: float) -> float:
    """How many points a share is below another one: from 0.8 to 0.7 are 10, and no rounding error more."""
    return round(100 * (old - new), 6)


@dataclass(frozen=True)
class Comparison:
    """What an agent's old and new adapter get right.

    Attributes:
        agent: Its name.
        measured_on: `"test"`: its test utterances that neither was trained on; an answer counts as right if it was
            accepted, too. `"cross-validation"`: it has none, and these are the estimates of its two trainings, on the
            same utterances. None: the two cannot be compared.
        rows: How many utterances.
        old_accuracy: What the old one gets right, 0 to 1.
        new_accuracy: What the new one gets right, 0 to 1.
        verdict: On the new one, by a paired test of the test utterances; None without.
        left_out: How many test utterances are left out because they were trained on.
        note: What else is to be known of these figures, or why there are none.
    """

    agent: str
    measured_on: Literal["test", "cross-validation"] | None
    rows: int = 0
    old_accuracy: float | None = None
    new_accuracy: float | None = None
    verdict: Verdict | None = None
    left_out: int = 0
    note: str | None = None

    @property
    def drop(self) -> float:
        """How many points the new one is worse; below 0 it is better. 0 where they cannot be compared."""
        if self.old_accuracy is None or self.new_accuracy is None:
            return 0.0
        return points_between(self.old_accuracy, self.new_accuracy)


class Comparer:
    """Compares old adapters with new ones.

    Args:
        base: Hub id or folder of the base of the new ones.
    """

    def __init__(self, base: str) -> None:
        self._new_model = self._old_model = _load(base)

    def compare(self, agent: str, old: Adapter, new: Adapter, data: AgentData) -> Comparison:
        """Compares the two adapters of an agent.

        Args:
            agent: Its name.
            old: As it is.
            new: As it was trained on `data`.
            data: Its utterances.
        """
        with warnings.catch_warnings(action="ignore"):  # the training has said it
            trained_on = {reduced(row.text) for row in data.training_rows()}
        same_rows = old.config.provenance.data_digest == new.config.provenance.data_digest
        try:
            tested = data.test_rows()
            rows = [{"text": row.text, "label": row.label} for row in tested if reduced(row.text) not in trained_on]
            if not rows:
                return replace(_by_estimates(agent, old, new, same_rows), left_out=len(tested))
            self._take(old)
            self._old_model.add_agent(OLD, old, replace=True)
            self._new_model.add_agent(NEW, new, replace=True)
            found = diff_agents(self._old_model, rows, OLD, NEW, new_model=self._new_model).labelled
        except (DataError, BaseError, BaseMismatchError) as error:
            return Comparison(agent, None, note=str(error))
        return Comparison(
            agent,
            "test",
            found.rows,
            found.old_accuracy,
            found.new_accuracy,
            found.verdict,
            left_out=len(tested) - len(rows),
            note=None if same_rows else MAY_HAVE_SEEN,
        )

    def _take(self, old: Adapter) -> None:
        """Load the base of an old adapter, unless the last one had the same."""
        config = old.config
        if config.provenance.base_fingerprint != self._old_model.fingerprint:
            if not config.base_model_name_or_path:
                raise BaseError("the old adapter does not name its base")
            self._old_model = _load(config.base_model_name_or_path, config.revision)


def _load(base: str, revision: str | None = None) -> IntentModel:
    return IntentModel.from_pretrained(base, revision=revision, device="cpu", backend="torch")


def _by_estimates(agent: str, old: Adapter, new: Adapter, same_rows: bool) -> Comparison:
    """The comparison that the two trainings bring along, if they had the same utterances."""
    before, after = old.config.provenance, new.config.provenance
    if not same_rows or {before.accuracy_source, after.accuracy_source} != {"cross-validation"}:
        return Comparison(agent, None, note=NOT_COMPARED)
    return Comparison(agent, "cross-validation", after.rows or 0, before.accuracy, after.accuracy, note=ESTIMATED)
