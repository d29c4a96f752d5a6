"""Agents with random weights: of the right shapes, for timing; what they answer means nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from sentence_transformers import SentenceTransformer

from intent_adapters.base import encoder_of, fingerprint, load_base
from intent_adapters.bottleneck import BottleneckConfig
from intent_adapters.runtime import Adapter
from intent_adapters.runtime.adapter import expected_shapes

SPREAD = 0.02
"""Standard deviation of the weights: the order of magnitude of trained ones."""


def random_agent(base: SentenceTransformer, base_name: str, base_fingerprint: str, labels: int, seed: int) -> Adapter:
    """An adapter with the default sites and size and random weights, which half precision can hold as trained ones.

    Args:
        base: Its architecture gives the shapes.
        base_name: What the adapter names as its base.
        base_fingerprint: Of the base.
        labels: How many intents.
        seed: Of the weights.
    """
    config = BottleneckConfig(
        labels=[f"intent_{index:03d}" for index in range(labels)],
        base_model_name_or_path=base_name,
        base_fingerprint=base_fingerprint,
        inference_mode=True,
    )
    generator = torch.Generator().manual_seed(seed)
    tensors = {
        name: (torch.randn(shape, generator=generator) * SPREAD).half().float()
        for name, shape in expected_shapes(encoder_of(base), config).items()
    }
    tensors |= {name: torch.full_like(tensors[name], config.head_scale) for name in tensors if name.endswith("scale")}
    return Adapter(config, tensors)


def write_random_agents(base: str, folders: Sequence[Path], *, labels: int, seed: int) -> None:
    """Save one random agent in each folder; the n-th has the seed `seed + n`."""
    model = load_base(base, device="cpu")
    known_as = fingerprint(model)
    for number, folder in enumerate(folders):
        random_agent(model, base, known_as, labels, seed + number).write(folder)
