"""How an agent is trained by default, which depends on the size of its data, and what a caller may choose instead."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypedDict, Unpack

from intent_adapters.choices import Effort
from intent_adapters.errors import ConfigError
from intent_adapters.inputs import check_choice, check_number, check_range

BATCH_SIZE = 32
STEPS = 150
# With hardly more than two utterances per intent longer training pays.
STEPS_FROM_FEW = 200
EPOCHS = (8, 100)
TEXTS_IN_TOTAL = 14_000
FEWEST_EPOCHS = 3
CALIBRATION_EPOCHS = 5 / 14
TIMES_AS_LONG: Mapping[Effort, float] = {"fast": 0.5, "default": 1, "best": 2}


@dataclass(frozen=True)
class Recipe:
    """The settings of a training run.

    Attributes:
        epochs: Passes over the texts.
        learning_rate: Peak rate of the bottlenecks; of the encoder's own weights in full fine-tuning. It rises over
            the first `warmup` of the steps and falls linearly to 0.
        circle_weight: Weight of the Circle loss (Sun et al., 2020) beside the cross-entropy; 0 leaves it out.
        circle_margin: Its margin m.
        circle_gamma: Its scale gamma.
        label_smoothing: Of the cross-entropy, 0 up to but excluding 1.
        batch_size: Texts per step, at most.
        head_learning_rate: Peak rate of the classification head.
        token_dropout: Probability with which each token of a training text is left out, drawn anew in every epoch.
        warmup: Part of the steps, 0 to 1, in which the learning rates rise.
        regression_weight: Weight of the logits of a logistic regression on the adapted embeddings, which is added to a
            trained cosine head; 0 leaves it out.

    Raises:
        ConfigError: A setting is out of range.
    """

    epochs: int
    learning_rate: float
    circle_weight: float
    circle_margin: float = 0.25
    circle_gamma: float = 16.0
    label_smoothing: float = 0.05
    batch_size: int = BATCH_SIZE
    head_learning_rate: float = 6e-4
    token_dropout: float = 0.2
    warmup: float = 0.1
    regression_weight: float = 1.0

    def __post_init__(self) -> None:
        check_range("epochs", self.epochs, 1)
        check_range("batch_size", self.batch_size, 3)  # the sampler keeps up to three texts of an intent together
        for name in ("learning_rate", "head_learning_rate"):
            check_number(name, getattr(self, name), 0, 1, above=True, below=True)
        for name in ("token_dropout", "circle_margin", "label_smoothing"):
            check_number(name, getattr(self, name), 0, 1, below=True)
        check_number("warmup", self.warmup, 0, 1)
        check_number("regression_weight", self.regression_weight, 0, 100)
        check_number("circle_gamma", self.circle_gamma, 1e-3, 1e5)
        check_number("circle_weight", self.circle_weight, 0, 1e4)

    def shortened(self) -> Recipe:
        """The recipe with about a third of the epochs, for agents that are only there to calibrate another."""
        return replace(self, epochs=max(1, round(self.epochs * CALIBRATION_EPOCHS)))


class RecipeOptions(TypedDict, total=False):
    """What a caller may choose of a recipe; None, and what is left out, is chosen by the data. See `Recipe`.

    `effort` is how long to train where `epochs` is left out: `"fast"` half and `"best"` twice as long as `"default"`.
    """

    effort: Effort | None
    epochs: int | None
    learning_rate: float | None
    circle_weight: float | None
    circle_margin: float | None
    circle_gamma: float | None
    label_smoothing: float | None
    batch_size: int | None
    head_learning_rate: float | None
    token_dropout: float | None
    warmup: float | None
    regression_weight: float | None


def recipe_for(
    texts: int, intents: int, *, names: int = 0, full: bool = False, **options: Unpack[RecipeOptions]
) -> Recipe:
    """The default settings for data of this size, with what the caller wants otherwise.

    They were chosen on validation data: few-shot draws of two English data sets and three Korean chatbots. What counts
    is the number of steps: 150 batches of 32, or 200 where an intent has hardly more than two texts, in 8 to 100
    epochs; with more than 1,750 texts in fewer, so that the time stays bounded. `effort` halves or doubles all that.
    The Circle loss pays most where an intent has hardly more than two texts. Of the texts, `names` are names of
    intents, and no utterances; `full` trains the encoder's own weights, which takes smaller steps.

    Raises:
        ConfigError: A setting is out of range, or there is no such setting.
    """
    unknown = sorted(options.keys() - RecipeOptions.__annotations__.keys())
    if unknown:
        raise ConfigError(
            f"there is no setting {unknown[0]!r}; a recipe has {', '.join(RecipeOptions.__annotations__)}"
        )
    effort = options.pop("effort", None) or "default"
    check_choice("effort", effort, TIMES_AS_LONG)
    few = texts - names < 3 * intents
    epochs = (STEPS_FROM_FEW if few else STEPS) / math.ceil(max(texts, 1) / BATCH_SIZE)
    epochs = min(max(epochs, EPOCHS[0]), EPOCHS[1], max(TEXTS_IN_TOTAL // max(texts, 1), FEWEST_EPOCHS))
    chosen: dict[str, Any] = {
        "epochs": round(epochs * TIMES_AS_LONG[effort]),
        "learning_rate": 1e-4 if full else 2e-3,
        "circle_weight": 0.3 if few else 0.05,
    }
    return Recipe(**chosen | {name: value for name, value in options.items() if value is not None})
