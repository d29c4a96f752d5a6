"""Losses for `SentenceTransformerTrainer`, one a file."""

from __future__ import annotations

from intent_adapters.losses.circle import CircleLoss, circle_loss
from intent_adapters.losses.intent import IntentLoss

__all__ = ["CircleLoss", "IntentLoss", "circle_loss"]
