"""What makes probabilities and a decision of an agent's logits: a block of its own in adapter_config.json."""

from __future__ import annotations

from dataclasses import dataclass

from intent_adapters.errors import ConfigError
from intent_adapters.inputs import check_number


@dataclass(frozen=True)
class Calibration:
    """How sure an agent may be and what it should not answer. It changes no logits' order and no weights.

    Args:
        temperature: The logits are divided by it; then their softmax are the probabilities (Guo et al., 2017), and
            their `logsumexp` is the energy.
        scope_location: Median energy of the agent's own utterances; see `scope_scores`. None: it was not calibrated,
            and its scope score is the highest probability.
        scope_spread: Spread of these energies, above 0; given if and only if `scope_location` is.
        threshold: Scope score, 0 to 1, below which an utterance is out of scope. With `scope_location` that is about
            the share of the agent's own utterances that are rejected by mistake. None: all are in scope.

    Raises:
        ConfigError: A value is out of its range, or one of location and spread is missing.
    """

    temperature: float = 1.0
    scope_location: float | None = None
    scope_spread: float | None = None
    threshold: float | None = None

    def __post_init__(self) -> None:
        check_number("temperature", self.temperature, 1e-4, 1e4)
        if (self.scope_location is None) != (self.scope_spread is None):
            raise ConfigError(
                f"scope_location={self.scope_location!r} and scope_spread={self.scope_spread!r} belong together; "
                "give both or neither"
            )
        if self.scope_location is not None:
            check_number("scope_location", self.scope_location, -1e6, 1e6)
            check_number("scope_spread", self.scope_spread, 1e-6, 1e6)
        if self.threshold is not None:
            check_number("threshold", self.threshold, 0, 1)
