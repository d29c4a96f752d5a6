"""Bottleneck adapters with an intent head, as a PEFT method; importing this registers it with PEFT."""

from __future__ import annotations

from intent_adapters.extras import missing

try:
    import peft  # noqa: F401
except ModuleNotFoundError as error:
    raise missing(error) from error

from intent_adapters.adapter_config import AdapterConfig, Calibration, Provenance
from intent_adapters.adapter_config.config import MINIMUM_SCALE
from intent_adapters.adapter_config.peft_type import INTENT_BOTTLENECK, ExternalPeftType
from intent_adapters.adapter_config.sites import SiteKind, tensor_prefix
from intent_adapters.bottleneck.config import BottleneckConfig
from intent_adapters.bottleneck.functional import (
    NON_LINEARITIES,
    cosine_logits,
    linear_logits,
    normalized_linear_logits,
    scope_scores,
)
from intent_adapters.bottleneck.head import CosineHead, IntentHead, LinearHead, NormalizedLinearHead, find_head
from intent_adapters.bottleneck.model import BottleneckModel
from intent_adapters.bottleneck.registration import PREFIX, register
from intent_adapters.bottleneck.sites import find_sites

register(BottleneckConfig, BottleneckModel)

__all__ = [
    "INTENT_BOTTLENECK",
    "MINIMUM_SCALE",
    "NON_LINEARITIES",
    "PREFIX",
    "AdapterConfig",
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
