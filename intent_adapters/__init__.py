"""Intent classification for many chatbots on one small frozen encoder: one bottleneck adapter per agent.

Importing this package registers the bottleneck adapter with PEFT.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from intent_adapters.bottleneck import BottleneckConfig
from intent_adapters.errors import IntentAdaptersError
from intent_adapters.extras import need
from intent_adapters.model import IntentModel
from intent_adapters.prediction import Prediction

if TYPE_CHECKING:
    from intent_adapters.training import train_agent

__version__ = "0.1.0"

__all__ = ["BottleneckConfig", "IntentAdaptersError", "IntentModel", "Prediction", "train_agent"]


def __getattr__(name: str) -> Any:
    # A server that only answers needs no `datasets`: training is imported when it is asked for.
    if name != "train_agent":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    need("datasets", "train")
    from intent_adapters.training import train_agent

    return train_agent
