"""What a card says that the files do not: it is left out where nobody says it, and never invented."""

from __future__ import annotations

import dataclasses
import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from huggingface_hub import EvalResult, ModelCardData

from intent_adapters.data import validate_rows
from intent_adapters.errors import ConfigError

if TYPE_CHECKING:
    from datasets import Dataset

METRICS: Mapping[str, tuple[str, str]] = {
    "accuracy": ("Accuracy", "accuracy"),
    "macro_f1": ("Macro F1", "f1"),
    "rejection.in_scope_accuracy": ("In-scope accuracy at the threshold", "accuracy"),
    "rejection.false_rejection_rate": ("In-scope utterances rejected", "false_rejection_rate"),
    "out_of_scope.recall": ("Out-of-scope utterances rejected", "recall"),
    "out_of_scope.auroc": ("Out-of-scope AUROC", "roc_auc"),
    "out_of_scope.fpr95": ("Out-of-scope FPR at 95 % TPR", "fpr95"),
    "calibration.expected_calibration_error": ("Expected calibration error", "expected_calibration_error"),
    "entities.f1": ("Entity F1, exact spans", "f1"),
    "entities.precision": ("Entity precision, exact spans", "precision"),
    "entities.recall": ("Entity recall, exact spans", "recall"),
    "entities.lenient_f1": ("Entity F1, overlapping spans", "f1"),
    "entities.value_accuracy": ("Right values of exact entities", "accuracy"),
}
"""What cards report of an evaluation: its key there, its name in words, and its type in a model-index."""


@dataclass(frozen=True)
class Measurement:
    """One figure, measured once or over several seeds.

    Attributes:
        metric: A key of `METRICS`, or a name of your own.
        values: One value a run; shares between 0 and 1, unless the metric has another unit.
        dataset: What it was measured on, in words: "clinic, test file".
        dataset_id: Its Hub id, if it has one.
        split: Its part, such as "test".
    """

    metric: str
    values: tuple[float, ...]
    dataset: str
    dataset_id: str | None = None
    split: str | None = None

    def __post_init__(self) -> None:
        values = self.values if isinstance(self.values, Sequence) else (self.values,)
        if not values or any(isinstance(value, bool) or not isinstance(value, (int, float)) for value in values):
            raise ConfigError(f"values of the measurement {self.metric!r} must be numbers, got {self.values!r}.")
        object.__setattr__(self, "values", tuple(float(value) for value in values))

    @property
    def name(self) -> str:
        """The metric in words."""
        return METRICS.get(self.metric, (self.metric, ""))[0]

    @property
    def mean(self) -> float:
        """Over the runs."""
        return statistics.fmean(self.values)

    @property
    def spread(self) -> float | None:
        """Standard deviation over the runs (n - 1); `None` for one run."""
        return statistics.stdev(self.values) if len(self.values) > 1 else None

    def to_eval_result(self) -> EvalResult:
        """The mean, as an entry of a model-index."""
        runs = len(self.values)
        of_entities = self.metric.startswith("entities.")
        return EvalResult(
            task_type="token-classification" if of_entities else "text-classification",
            task_name="Entity recognition" if of_entities else "Intent classification",
            dataset_type=self.dataset_id or re.sub(r"\W+", "-", self.dataset.lower()).strip("-") or "unnamed",
            dataset_name=self.dataset,
            dataset_split=self.split,
            metric_type=METRICS.get(self.metric, ("", re.sub(r"\W+", "_", self.metric)))[1],
            metric_name=self.name if runs == 1 else f"{self.name} (mean of {runs} runs)",
            metric_value=round(self.mean, 4),
        )

    @classmethod
    def from_evaluations(
        cls,
        runs: Sequence[Mapping[str, Any]],
        dataset: str,
        *,
        dataset_id: str | None = None,
        split: str | None = None,
    ) -> list[Measurement]:
        """The figures of one evaluation, or of one for each seed.

        Args:
            runs: What `evaluate(...).to_dict()` gives, or `intent-adapters evaluate --json` writes.
            dataset: What was evaluated on, in words.
            dataset_id: Its Hub id, if it has one.
            split: Its part, such as "test".

        Returns:
            A measurement for each of `METRICS` that every run has.
        """
        found = []
        for metric in METRICS:
            values = [_at(run, metric.split(".")) for run in runs]
            if values and all(isinstance(value, (int, float)) for value in values):
                found.append(cls(metric, tuple(values), dataset, dataset_id, split))
        return found


@dataclass(frozen=True)
class Latency:
    """How long an answer takes.

    Attributes:
        milliseconds: The time.
        setting: Of what, and on what: "one utterance, one thread of an AMD EPYC 9654, median of 200".
    """

    milliseconds: float
    setting: str


@dataclass(frozen=True)
class CardFacts:
    """What the makers of an agent or a base say about it. All of it may be left out.

    Attributes:
        language: ISO 639-1 codes of the languages of the texts, such as "ko".
        license: Licence of what is published, as the Hub spells it: "apache-2.0".
        description: What it is for, in Markdown.
        data: What it was trained on, where that came from and under which licences, in Markdown.
        datasets: Hub ids of the data sets that it was trained on.
        texts: How many utterances it was trained on.
        examples: An example of each intent.
        measurements: How good it is.
        latency: How fast it is.
        limits: What it cannot do or must not be used for, in Markdown.
    """

    language: Sequence[str] = ()
    license: str | None = None
    description: str | None = None
    data: str | None = None
    datasets: Sequence[str] = ()
    texts: int | None = None
    examples: Mapping[str, str] = field(default_factory=dict)
    measurements: Sequence[Measurement] = ()
    latency: Sequence[Latency] = ()
    limits: str | None = None

    def __post_init__(self) -> None:
        for name in ("language", "datasets"):
            value = getattr(self, name)
            object.__setattr__(self, name, (value,) if isinstance(value, str) else tuple(value))
            if not all(isinstance(part, str) and part for part in getattr(self, name)):
                raise ConfigError(f"{name} of a card must be texts, got {value!r}.")
        for name in ("license", "description", "data", "limits"):
            if not isinstance(getattr(self, name), str | None):
                raise ConfigError(f"{name} of a card must be a text, got {getattr(self, name)!r}.")
        if not isinstance(self.examples, Mapping):
            raise ConfigError(f"examples of a card must map intents to texts, got {self.examples!r:.80}.")
        if self.texts is not None and (not isinstance(self.texts, int) or self.texts < 1):
            raise ConfigError(f"texts of a card must be a whole number of at least 1, got {self.texts!r}.")

    def metadata(self, name: str, tags: Sequence[str], **entries: Any) -> dict[str, Any]:
        """The front matter of a card: what the facts say, a name for the model-index, tags and other entries."""
        results = [entry.to_eval_result() for entry in self.measurements]
        data = ModelCardData(
            license=self.license,
            language=list(self.language) or None,
            tags=list(tags),
            datasets=list(self.datasets) or None,
            model_name=name if results else None,
            eval_results=results or None,
            **entries,
        )
        return data.to_dict()

    def with_rows(self, rows: Dataset | Sequence[Mapping[str, object]]) -> CardFacts:
        """Count the training utterances, and take the first one of each intent as its example.

        Args:
            rows: As `train_agent` takes them.

        Returns:
            New facts; examples that were there already stay.

        Raises:
            DataError: The rows could not be trained on.
        """
        used = validate_rows(rows)
        examples: dict[str, str] = {}
        for text, label in zip(used["text"], used["label"], strict=True):
            examples.setdefault(label, text)
        return dataclasses.replace(self, texts=len(used), examples={**examples, **self.examples})

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> CardFacts:
        """Facts from JSON: the attributes by name, measurements and latencies as objects.

        Args:
            values: What `json.load` gave.

        Returns:
            The facts.

        Raises:
            ConfigError: A name is unknown, or a value makes no sense.
        """
        unknown = values.keys() - {entry.name for entry in dataclasses.fields(cls)}
        if unknown:
            names = ", ".join(entry.name for entry in dataclasses.fields(cls))
            raise ConfigError(f"a card has no {sorted(unknown)[0]!r}; it has {names}.")
        try:
            measurements = [Measurement(**entry) for entry in values.get("measurements", ())]
            latency = [Latency(**entry) for entry in values.get("latency", ())]
        except TypeError as error:
            raise ConfigError(f"a measurement or latency of the card cannot be read: {error}.") from error
        return cls(**{**values, "measurements": measurements, "latency": latency})


def _at(values: Any, path: Sequence[str]) -> Any:
    for key in path:
        values = values.get(key) if isinstance(values, Mapping) else None
    return values
