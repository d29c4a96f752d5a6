"""Where an adapter comes from: a block of its own in adapter_config.json, beside PEFT's name of the base."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from intent_adapters.adapter_config.validation import check_form, check_settings, check_text
from intent_adapters.inputs import check_choice, check_number, check_range

AccuracySource = Literal["cross-validation", "validation"]


@dataclass(frozen=True)
class Provenance:
    """What an adapter was trained on and how. Nothing that answers depends on it but the refusal of another base.

    Args:
        base_fingerprint: Fingerprint of the base that it was trained on. None: not known, and not checked.
        training: The settings that it was trained with, seed included, by name.
        rows: How many labelled utterances it was trained on.
        data_digest: SHA-256 of these utterances and their intents, as 64 hexadecimal digits: see
            `intent_adapters.data.data_digest`.
        job_digest: SHA-256 of all that decided its training, data and base among it, as 64 hexadecimal digits, if
            `train_agents` trained it: so that it does not do so again.
        versions: Versions of Python and of the libraries that it was trained with, by name.
        date: When it was trained: `YYYY-MM-DDThh:mm:ssZ`, in UTC.
        accuracy: Share of right answers, 0 to 1, to utterances that were not trained on.
        accuracy_source: `"cross-validation"`: these were training utterances, held out in turn from agents like it
            that had fewer and a shorter training. `"validation"`: validation rows. Given if and only if `accuracy` is.

    Raises:
        ConfigError: A value is of another type, or out of its range.
    """

    base_fingerprint: str | None = None
    training: dict[str, float | int | str | bool | None] = field(default_factory=dict)
    rows: int | None = None
    data_digest: str | None = None
    job_digest: str | None = None
    versions: dict[str, str] = field(default_factory=dict)
    date: str | None = None
    accuracy: float | None = None
    accuracy_source: AccuracySource | None = None

    def __post_init__(self) -> None:
        check_text("base_fingerprint", self.base_fingerprint)
        check_settings("training", self.training)
        check_settings("versions", self.versions)
        if self.rows is not None:
            check_range("rows", self.rows, 1)
        check_form("data_digest", self.data_digest, r"[0-9a-f]{64}", "64 hexadecimal digits")
        check_form("job_digest", self.job_digest, r"[0-9a-f]{64}", "64 hexadecimal digits")
        check_form("date", self.date, r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "YYYY-MM-DDThh:mm:ssZ")
        if self.accuracy is not None or self.accuracy_source is not None:
            check_choice("accuracy_source", self.accuracy_source, get_args(AccuracySource))
            check_number("accuracy", self.accuracy, 0, 1)
