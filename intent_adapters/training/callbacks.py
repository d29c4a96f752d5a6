"""What happens while an agent trains: the progress bar, and early stopping on validation data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm  # type: ignore[import-untyped]
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments


class TrainingBar(TrainerCallback):
    """One progress bar over all steps, with the loss.

    Args:
        description: What stands before the bar.
    """

    def __init__(self, description: str) -> None:
        self.description = description
        self.bar: Any = None

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Opens the bar."""
        self.bar = tqdm(total=state.max_steps, desc=self.description, unit="step", dynamic_ncols=True)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Moves it one step."""
        self.bar.update(1)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """Shows the mean loss of the last epoch."""
        if logs and "loss" in logs:
            self.bar.set_postfix(loss=f"{logs['loss']:.3f}")

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Closes it."""
        self.bar.close()


class EarlyStopping(TrainerCallback):
    """Stops when the validation score has not risen for some epochs, and remembers the best weights.

    Args:
        module: Its trainable parameters are remembered.
        score: Computes the validation score; higher is better.
        patience: Epochs without a better score after which training stops.
    """

    def __init__(self, module: nn.Module, score: Callable[[], float], patience: int = 5) -> None:
        self.module = module
        self.score = score
        self.patience = patience
        self.best = float("-inf")
        self.best_epoch = 0
        self.last_rise = 0
        self.best_weights: dict[str, Tensor] = {}

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Scores the weights as they are."""
        epoch = round(state.epoch or 0)
        score = self.score()
        if score > self.best:
            self.last_rise = epoch
        # Of equally good epochs the last: few validation texts cannot tell what a lower learning rate still brings.
        if score >= self.best:
            self.best, self.best_epoch = score, epoch
            self.best_weights = {name: parameter.detach().clone() for name, parameter in self._trained()}
        if epoch - self.last_rise >= self.patience:
            control.should_training_stop = True

    def restore(self) -> None:
        """Puts the best weights back."""
        with torch.no_grad():
            for name, parameter in self._trained():
                parameter.copy_(self.best_weights[name])

    def _trained(self) -> list[tuple[str, nn.Parameter]]:
        return [(name, parameter) for name, parameter in self.module.named_parameters() if parameter.requires_grad]
