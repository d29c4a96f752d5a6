"""Early stopping: which epoch is kept, and when it stops."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from intent_adapters.training.agent.early_stopping import EarlyStopping


def run(scores, patience):
    """Epochs with these scores; the weight after epoch n is n. Returns the epochs run, and what was restored."""
    layer = nn.Linear(1, 1)
    layer.bias.requires_grad_(False).fill_(7.0)
    remaining = iter(scores)
    stopping = EarlyStopping(layer, lambda: next(remaining), patience)
    epochs = 0
    for epoch in range(1, len(scores) + 1):
        with torch.no_grad():
            layer.weight.fill_(epoch)
        epochs = epoch
        if stopping.should_stop(epoch):
            break
    stopping.restore()
    assert layer.bias.item() == 7.0
    assert stopping.best_epoch == layer.weight.item()
    return epochs, stopping.best_epoch, stopping.best


@pytest.mark.parametrize(
    ("scores", "patience", "expected"),
    [
        ([0.1, 0.3, 0.2, 0.2, 0.9], 2, (4, 2, 0.3)),
        ([0.1, 0.3, 0.2, 0.2, 0.9], 3, (5, 5, 0.9)),
        ([0.5, 0.5, 0.5, 0.5], 2, (3, 3, 0.5)),
        ([0.0], 1, (1, 1, 0.0)),
    ],
)
def test_the_best_epoch_is_kept_and_of_equals_the_last(scores, patience, expected):
    assert run(scores, patience) == expected
