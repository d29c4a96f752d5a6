"""What an adapter will say of its training."""

from __future__ import annotations

import dataclasses
import os
from datetime import UTC, datetime
from typing import Any

from intent_adapters.bottleneck import Provenance
from intent_adapters.data.digest import digest_of
from intent_adapters.environment import versions
from intent_adapters.training.agent.calibration import CalibrationResult
from intent_adapters.training.agent.task import Task

LIBRARIES = ("intent-adapters", "peft", "sentence-transformers", "torch", "transformers")


def provenance_of(task: Task, base_fingerprint: str, settings: dict[str, Any]) -> Provenance:
    """All that is known before the training: the base, the data, the settings, the libraries and the date."""
    labels = (task.intents[number] for number in task.labels.tolist())
    return Provenance(
        base_fingerprint,
        settings,
        rows=task.utterances,
        data_digest=digest_of(list(zip(task.texts, labels, strict=True))[: task.utterances]),
        versions=versions(LIBRARIES),
        date=_now(),
    )


def with_accuracy(provenance: Provenance, calibration: CalibrationResult) -> Provenance:
    """The same with what the agent got right of utterances that it was not trained on, if that was measured."""
    if calibration.accuracy is None or calibration.source == "mixtures":
        return provenance
    return dataclasses.replace(provenance, accuracy=calibration.accuracy, accuracy_source=calibration.source)


def _now() -> str:
    """The time, or what SOURCE_DATE_EPOCH says it is: then the same training writes the same bytes."""
    fixed = os.environ.get("SOURCE_DATE_EPOCH", "")
    now = datetime.fromtimestamp(int(fixed), UTC) if fixed.isdecimal() else datetime.now(UTC)
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")
