"""Adapters with random weights, large enough to change every answer."""

from __future__ import annotations

from typing import Any

import torch
from sentence_transformers import SentenceTransformer

from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.artifacts.encoder import encoder_of
from intent_adapters.artifacts.tensors import expected_shapes
from intent_adapters.bottleneck import BottleneckConfig


def random_adapter(base: SentenceTransformer, labels: int = 3, seed: int = 0, **settings: Any) -> Adapter:
    """An adapter for `base` with random weights.

    Args:
        base: Its architecture gives the shapes.
        labels: How many labels, named "intent 0" and so on.
        seed: Of the weights.
        **settings: Of the `BottleneckConfig`.
    """
    settings = {"bottleneck_size": 4, **settings}
    config = BottleneckConfig(labels=[f"intent {index}" for index in range(labels)], **settings)
    generator = torch.Generator().manual_seed(seed)
    tensors = {
        name: torch.randn(shape, generator=generator) * 0.5
        for name, shape in expected_shapes(encoder_of(base), config).items()
    }
    for name in tensors:
        if name.endswith("head.scale"):
            tensors[name] = torch.full_like(tensors[name], 10.0)
    return Adapter(config, tensors)
