"""How long and how fast an agent is trained by default: it depends on the size of its data."""

from __future__ import annotations

from dataclasses import dataclass, replace

from intent_adapters.errors import ConfigError

FEW_SHOT_EPOCHS = 14
TEXTS_IN_TOTAL = 14_000
FEWEST_EPOCHS = 3
BATCH_SIZE = 32
CALIBRATION_EPOCHS = 5 / 14


@dataclass(frozen=True)
class Recipe:
    """The settings of a training run.

    Attributes:
        epochs: Passes over the texts.
        batch_size: Texts per step, at most.
        learning_rate: Peak rate of the bottlenecks; of the encoder's own weights in full fine-tuning. It rises over
            the first `warmup` of the steps and falls linearly to 0.
        head_learning_rate: Peak rate of the classification head.
        token_dropout: Probability with which each token of a training text is left out, drawn anew in every epoch.
        warmup: Part of the steps, 0 to 1, in which the learning rates rise.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    head_learning_rate: float
    token_dropout: float = 0.2
    warmup: float = 0.1

    def __post_init__(self) -> None:
        _check("epochs", self.epochs, isinstance(self.epochs, int) and self.epochs >= 1, "a whole number from 1 up")
        # The sampler keeps up to three texts of an intent together.
        fits = isinstance(self.batch_size, int) and self.batch_size >= 3
        _check("batch_size", self.batch_size, fits, "a whole number from 3 up")
        for name in ("learning_rate", "head_learning_rate"):
            rate = getattr(self, name)
            _check(name, rate, isinstance(rate, (int, float)) and 0 < rate < 1, "a number between 0 and 1")
        _check("token_dropout", self.token_dropout, 0 <= self.token_dropout < 1, "a number from 0 to below 1")
        _check("warmup", self.warmup, 0 <= self.warmup <= 1, "a number from 0 to 1")

    def shortened(self) -> Recipe:
        """The recipe with about a third of the epochs, for agents that are only there to calibrate another."""
        return replace(self, epochs=max(1, round(self.epochs * CALIBRATION_EPOCHS)))


def recipe_for(
    texts: int,
    *,
    full: bool = False,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
) -> Recipe:
    """The default settings for data of this size, with what the caller wants otherwise.

    They were chosen on validation data: few-shot draws of two English data sets and one Korean. Up to 1,000 texts 14
    epochs; beyond, as many as see about 14,000 texts, so that the time stays bounded.

    Args:
        texts: How many training texts there are.
        full: Whether the encoder's own weights are trained, which takes smaller steps.
        epochs: Instead of the default.
        batch_size: Instead of the default.
        learning_rate: Instead of the default for the bottlenecks, or for the encoder if `full`.

    Returns:
        The recipe.

    Raises:
        ConfigError: A setting is out of range.
    """
    default_epochs = min(FEW_SHOT_EPOCHS, max(FEWEST_EPOCHS, TEXTS_IN_TOTAL // max(texts, 1)))
    return Recipe(
        epochs=default_epochs if epochs is None else epochs,
        batch_size=BATCH_SIZE if batch_size is None else batch_size,
        learning_rate=(1e-4 if full else 1.5e-3) if learning_rate is None else learning_rate,
        head_learning_rate=6e-4,
    )


def circle_weight_for(texts: int, intents: int) -> float:
    """The default weight of the Circle loss: it pays most where an intent has hardly more than two texts."""
    return 0.3 if texts < 3 * intents else 0.05


def _check(name: str, value: object, valid: bool, wanted: str) -> None:
    if isinstance(value, bool) or not valid:
        raise ConfigError(f"{name} must be {wanted}, but it is {value!r}")
