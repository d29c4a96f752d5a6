"""Training: stage 3, an agent's adapter on a frozen base."""

from __future__ import annotations

from intent_adapters.training.agent import Method, TrainingResult, train_agent
from intent_adapters.training.sampler import IntentBatchSampler

__all__ = ["IntentBatchSampler", "Method", "TrainingResult", "train_agent"]
