"""Adapters with random weights, large enough to change every answer."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from intent_adapters.adapter_config import AdapterConfig, Calibration, Provenance
from intent_adapters.adapter_config.tensors import expected_shapes
from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.runtime.onnx.run import OnnxBase

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def config_of(**settings: Any) -> AdapterConfig:
    """A config from the settings of all its blocks side by side."""
    calibration, provenance = (
        kind(**{entry.name: settings.pop(entry.name) for entry in fields(kind) if entry.name in settings})
        for kind in (Calibration, Provenance)
    )
    return AdapterConfig(calibration=calibration, provenance=provenance, **settings)


def random_adapter(base: SentenceTransformer | OnnxBase, labels: int = 3, seed: int = 0, **settings: Any) -> Adapter:
    """An adapter for `base` with random weights.

    Args:
        base: Its architecture gives the shapes.
        labels: How many labels, named "intent 0" and so on.
        seed: Of the weights.
        **settings: Of the `AdapterConfig`, and of its calibration and provenance.
    """
    config = config_of(labels=[f"intent {index}" for index in range(labels)], **{"bottleneck_size": 4, **settings})
    if isinstance(base, OnnxBase):
        sites = base.sites.of(Adapter(config, {}), config.non_linearity)
        dimension = config.embedding_dim or base.sites.width
    else:
        from intent_adapters.artifacts.encoder import encoder_of
        from intent_adapters.bottleneck.sites import embedding_dim, site_shapes

        sites, dimension = site_shapes(encoder_of(base), config), embedding_dim(encoder_of(base), config)
    draw = np.random.default_rng(seed)
    arrays = {
        name: draw.standard_normal(shape, np.float32) / 2
        for name, shape in expected_shapes(config, sites, dimension).items()
    }
    for name, values in arrays.items():
        if name.endswith("head.scale"):
            values[...] = 10
    return Adapter(config, arrays)
