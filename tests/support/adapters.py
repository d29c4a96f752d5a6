"""Adapters with random weights, large enough to change every answer."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import torch
from sentence_transformers import SentenceTransformer

from intent_adapters.adapter_config.tensors import expected_shapes
from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.artifacts.encoder import encoder_of
from intent_adapters.bottleneck import BottleneckConfig, Calibration, Provenance
from intent_adapters.bottleneck.sites import embedding_dim, site_shapes


def config_of(**settings: Any) -> BottleneckConfig:
    """A config from the settings of all its blocks side by side."""
    calibration, provenance = (
        kind(**{entry.name: settings.pop(entry.name) for entry in fields(kind) if entry.name in settings})
        for kind in (Calibration, Provenance)
    )
    return BottleneckConfig(calibration=calibration, provenance=provenance, **settings)


def random_adapter(base: SentenceTransformer, labels: int = 3, seed: int = 0, **settings: Any) -> Adapter:
    """An adapter for `base` with random weights.

    Args:
        base: Its architecture gives the shapes.
        labels: How many labels, named "intent 0" and so on.
        seed: Of the weights.
        **settings: Of the `BottleneckConfig`, and of its calibration and provenance.
    """
    config = config_of(labels=[f"intent {index}" for index in range(labels)], **{"bottleneck_size": 4, **settings})
    encoder = encoder_of(base)
    generator = torch.Generator().manual_seed(seed)
    tensors = {
        name: torch.randn(shape, generator=generator) * 0.5
        for name, shape in expected_shapes(
            config, site_shapes(encoder, config), embedding_dim(encoder, config)
        ).items()
    }
    for name in tensors:
        if name.endswith("head.scale"):
            tensors[name] = torch.full_like(tensors[name], 10.0)
    return Adapter(config, tensors)
