"""The three stages of training: a sentence encoder, a small one distilled from it, an agent's adapter on top."""

from __future__ import annotations

from intent_adapters.extras import missing

try:
    import datasets  # noqa: F401
except ModuleNotFoundError as error:
    raise missing(error) from error

from intent_adapters.choices import Method
from intent_adapters.training.agent.calibration import CalibrationResult
from intent_adapters.training.agent.held_out import HeldOut
from intent_adapters.training.agent.recipe import Recipe
from intent_adapters.training.agent.sampler import IntentBatchSampler
from intent_adapters.training.agent.self_training import UnlabelledResult
from intent_adapters.training.agent.tagger import TaggerResult, train_tagger
from intent_adapters.training.agent.train import TrainingResult, train_agent
from intent_adapters.training.base.distillation import distill
from intent_adapters.training.base.encoder import train_encoder
from intent_adapters.training.base.make_base import make_base
from intent_adapters.training.base.recipe import read_recipe

__all__ = [
    "CalibrationResult",
    "HeldOut",
    "IntentBatchSampler",
    "Method",
    "Recipe",
    "TaggerResult",
    "TrainingResult",
    "UnlabelledResult",
    "distill",
    "make_base",
    "read_recipe",
    "train_agent",
    "train_encoder",
    "train_tagger",
]
