"""Early stopping: which epoch is kept, and when it stops."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from transformers import TrainerControl, TrainerState, TrainingArguments

from intent_adapters.training.callbacks import EarlyStopping


def run(scores, patience, tmp_path):
    """Epochs with these scores; the weight after epoch n is n. Returns the epochs run, and what was restored."""
    layer = nn.Linear(1, 1)
    layer.bias.requires_grad_(False).fill_(7.0)
    remaining = iter(scores)
    stopping = EarlyStopping(layer, lambda: next(remaining), patience)
    control = TrainerControl()
    epochs = 0
    for epoch in range(1, len(scores) + 1):
        with torch.no_grad():
            layer.weight.fill_(epoch)
        stopping.on_epoch_end(TrainingArguments(str(tmp_path)), TrainerState(epoch=float(epoch)), control)
        epochs = epoch
        if control.should_training_stop:
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
def test_the_best_epoch_is_kept_and_of_equals_the_last(scores, patience, expected, tmp_path):
    assert run(scores, patience, tmp_path) == expected
