"""Losses for `SentenceTransformerTrainer`, one a file."""

from __future__ import annotations

from intent_adapters.extras import missing

try:
    import sentence_transformers  # noqa: F401
except ModuleNotFoundError as error:
    raise missing(error) from error

from intent_adapters.losses.circle import CircleLoss, circle_loss
from intent_adapters.losses.distillation.combined import DistillationLoss
from intent_adapters.losses.distillation.contrastive import ContrastiveDistillationLoss
from intent_adapters.losses.distillation.minilmv2 import MiniLMv2Loss, relation_loss
from intent_adapters.losses.info_nce import CachedInfoNCELoss, InfoNCELoss
from intent_adapters.losses.intent import IntentLoss

__all__ = [
    "CachedInfoNCELoss",
    "CircleLoss",
    "ContrastiveDistillationLoss",
    "DistillationLoss",
    "InfoNCELoss",
    "IntentLoss",
    "MiniLMv2Loss",
    "circle_loss",
    "relation_loss",
]
