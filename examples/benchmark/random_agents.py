"""Agents with random weights: of the right shapes, for timing; what they answer means nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from peft import get_peft_model
from transformers import AutoModel

from intent_adapters import BottleneckConfig, IntentModel

SPREAD = 0.02
"""Standard deviation of the weights: the order of magnitude of trained ones."""


def write_random_agents(base: str, folders: Sequence[Path], *, labels: int, seed: int) -> None:
    """Save one random agent in each folder; the n-th has the seed `seed + n`.

    Weights are rounded to half precision as training rounds them, so that the files are as large as trained ones.
    """
    model = IntentModel.from_pretrained(base, device="cpu")
    encoder = AutoModel.from_pretrained(base, dtype=torch.float32)
    tuned = get_peft_model(encoder, BottleneckConfig(labels=[f"intent_{index:03d}" for index in range(labels)]))
    weights = {name: weight for name, weight in tuned.named_parameters() if weight.requires_grad}
    with TemporaryDirectory() as saved:
        for number, folder in enumerate(folders):
            generator = torch.Generator().manual_seed(seed + number)
            for name, weight in weights.items():
                if not name.endswith("scale"):
                    weight.data = (torch.randn(weight.shape, generator=generator) * SPREAD).half().float()
            tuned.save_pretrained(saved)
            model.load_adapter(saved, name="random", replace=True)
            model.save_adapter("random", folder)
