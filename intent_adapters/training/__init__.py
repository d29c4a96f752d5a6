"""The three stages of training: a sentence encoder, a small one distilled from it, an agent's adapter on top."""

from __future__ import annotations

from intent_adapters.training.agent import TrainingResult, train_agent
from intent_adapters.training.calibration import CalibrationResult
from intent_adapters.training.distillation import distill
from intent_adapters.training.encoder import train_encoder
from intent_adapters.training.methods import Method
from intent_adapters.training.recipe import Recipe
from intent_adapters.training.sampler import IntentBatchSampler

__all__ = [
    "CalibrationResult",
    "IntentBatchSampler",
    "Method",
    "Recipe",
    "TrainingResult",
    "distill",
    "train_agent",
    "train_encoder",
]
