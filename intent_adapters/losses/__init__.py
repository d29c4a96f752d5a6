"""Losses for `SentenceTransformerTrainer`, one a file."""

from __future__ import annotations

from intent_adapters.losses.circle import CircleLoss, circle_loss
from intent_adapters.losses.contrastive import CachedContrastiveLoss, ContrastiveLoss
from intent_adapters.losses.contrastive_distillation import ContrastiveDistillationLoss
from intent_adapters.losses.distillation import DistillationLoss
from intent_adapters.losses.intent import IntentLoss
from intent_adapters.losses.minilmv2 import MiniLMv2Loss, relation_loss

__all__ = [
    "CachedContrastiveLoss",
    "CircleLoss",
    "ContrastiveDistillationLoss",
    "ContrastiveLoss",
    "DistillationLoss",
    "IntentLoss",
    "MiniLMv2Loss",
    "circle_loss",
    "relation_loss",
]
