"""Bottleneck adapters with an intent head, as a PEFT method; importing this registers it with PEFT."""

from __future__ import annotations

from intent_adapters.bottleneck.calibration import Calibration
from intent_adapters.bottleneck.config import BottleneckConfig
from intent_adapters.bottleneck.functional import (
    MINIMUM_SCALE,
    NON_LINEARITIES,
    cosine_logits,
    linear_logits,
    normalized_linear_logits,
    scope_scores,
)
from intent_adapters.bottleneck.head import CosineHead, IntentHead, LinearHead, NormalizedLinearHead, find_head
from intent_adapters.bottleneck.model import BottleneckModel
from intent_adapters.bottleneck.provenance import Provenance
from intent_adapters.bottleneck.registration import INTENT_BOTTLENECK, PREFIX, ExternalPeftType, register
from intent_adapters.bottleneck.sites import SiteKind, find_sites, tensor_prefix

register(BottleneckConfig, BottleneckModel)

__all__ = [
    "INTENT_BOTTLENECK",
    "MINIMUM_SCALE",
    "NON_LINEARITIES",
    "PREFIX",
    "BottleneckConfig",
    "BottleneckModel",
    "Calibration",
    "CosineHead",
    "ExternalPeftType",
    "IntentHead",
    "LinearHead",
    "NormalizedLinearHead",
    "Provenance",
    "SiteKind",
    "cosine_logits",
    "find_head",
    "find_sites",
    "linear_logits",
    "normalized_linear_logits",
    "register",
    "scope_scores",
    "tensor_prefix",
]
