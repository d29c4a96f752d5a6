"""Early stopping on validation data."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


class EarlyStopping:
    """Remembers the weights with the best validation score, and tells when it has not risen for some epochs.

    Attributes:
        best: The best score so far, higher being better.
        best_epoch: The epoch that had it, counted from 1.
    """

    def __init__(self, module: nn.Module, score: Callable[[], float], patience: int = 5) -> None:
        self.module = module
        self.score = score
        self.patience = patience
        self.best = float("-inf")
        self.best_epoch = 0
        self.last_rise = 0
        self.best_weights: dict[str, Tensor] = {}

    def should_stop(self, epoch: int) -> bool:
        """Scores the weights as they are after an epoch, counted from 1."""
        score = self.score()
        if score > self.best:
            self.last_rise = epoch
        # Of equally good epochs the last: few validation texts cannot tell what a lower learning rate still brings.
        if score >= self.best:
            self.best, self.best_epoch = score, epoch
            self.best_weights = {name: parameter.detach().clone() for name, parameter in self._trained()}
        return epoch - self.last_rise >= self.patience

    def restore(self) -> None:
        """Puts the best weights back."""
        with torch.no_grad():
            for name, parameter in self._trained():
                parameter.copy_(self.best_weights[name])

    def _trained(self) -> list[tuple[str, nn.Parameter]]:
        return [(name, parameter) for name, parameter in self.module.named_parameters() if parameter.requires_grad]
