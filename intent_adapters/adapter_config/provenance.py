"""Where an adapter comes from: a block of its own in adapter_config.json, beside PEFT's name of the base."""

from __future__ import annotations

from dataclasses import dataclass, field

from intent_adapters.adapter_config.validation import check_settings, check_text


@dataclass(frozen=True)
class Provenance:
    """What an adapter was trained on and how. Nothing that answers depends on it but the refusal of another base.

    Args:
        base_fingerprint: Fingerprint of the base that it was trained on. None: not known, and not checked.
        training: The settings that it was trained with, by name.

    Raises:
        ConfigError: A value is of another type.
    """

    base_fingerprint: str | None = None
    training: dict[str, float | int | str | bool | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_text("base_fingerprint", self.base_fingerprint)
        check_settings("training", self.training)
