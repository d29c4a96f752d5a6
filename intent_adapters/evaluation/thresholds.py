"""Where to set an agent's threshold, from what it says to rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from intent_adapters.data import texts_of, validate_rows
from intent_adapters.data.texts import Texts
from intent_adapters.errors import ConfigError, DataError
from intent_adapters.evaluation.agent import Rows
from intent_adapters.evaluation.answers import ask
from intent_adapters.evaluation.arrays import Figures
from intent_adapters.inputs import check_number
from intent_adapters.model import IntentModel
from intent_adapters.training.agent.scope import separating_threshold


@dataclass(frozen=True, slots=True)
class ThresholdChoice(Figures):
    """A threshold, and what it does to the rows that it was chosen on.

    Attributes:
        threshold: The scope score below which an utterance is out of scope.
        false_rejection_rate: Share of the rows in scope that it rejects, between 0 and 1.
        recall: Share of the out-of-scope utterances that it rejects; None where none were given.
    """

    threshold: float
    false_rejection_rate: float
    recall: float | None


def choose_threshold(
    model: IntentModel,
    rows: Rows,
    agent: str | None = None,
    *,
    rate: float | None = None,
    out_of_scope: Texts | None = None,
    batch_size: int = 64,
) -> ThresholdChoice:
    """Finds a threshold on rows that the agent was not trained on; `IntentModel.set_threshold` sets it.

    Args:
        model: The model.
        rows: `text` and `label`, in scope; those of a catch-all intent play no part.
        agent: The agent's name; may be left out if the model has just one.
        rate: The share of the rows that may be rejected, from 0 to below 1. None: with `out_of_scope`, the threshold
            with the highest balanced accuracy.
        out_of_scope: Utterances that should be rejected.
        batch_size: Texts in one pass of the encoder, at most.

    Returns:
        The threshold, and what it does to these rows.

    Raises:
        DataError: The rows or the texts cannot be used.
        AgentError: The agent is not in memory, or none is named where there are several.
        ConfigError: `rate` is out of range, or neither it nor `out_of_scope` is given.
    """
    if rate is None and out_of_scope is None:
        raise ConfigError("give the share of utterances that may be rejected, or utterances that are out of scope")
    if rate is not None:
        check_number("rate", rate, 0, 1, below=True)
    agent = model.sole_agent() if agent is None else agent
    others = None if out_of_scope is None else texts_of(out_of_scope, "out_of_scope")
    examples = validate_rows(rows, purpose="evaluation")
    catch_all = model.adapter(agent).config.catch_all or ()
    own = [text for text, label in zip(examples["text"], examples["label"], strict=True) if label not in catch_all]
    if not own:
        raise DataError("all rows are of a catch-all intent: give utterances that the agent should answer")
    inside = ask(model, own, agent, batch_size=batch_size).scores
    outside = None if others is None else ask(model, others, agent, batch_size=batch_size).scores
    if rate is not None:
        threshold = _rejecting(inside, rate)
    else:
        assert outside is not None
        threshold = separating_threshold(torch.from_numpy(inside), torch.from_numpy(outside))
    return ThresholdChoice(
        threshold=threshold,
        false_rejection_rate=float((inside < threshold).mean()),
        recall=None if outside is None else float((outside < threshold).mean()),
    )


def _rejecting(scores: np.ndarray, rate: float) -> float:
    """The highest threshold below which no more than a share of the scores lies."""
    return float(np.sort(scores)[int(rate * len(scores) + 1e-9)])
