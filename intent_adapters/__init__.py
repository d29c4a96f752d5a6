"""Intent classification for many chatbots on one small frozen encoder: one bottleneck adapter per agent.

Importing this package registers the bottleneck adapter with PEFT.
"""

from __future__ import annotations

from intent_adapters.bottleneck import BottleneckConfig
from intent_adapters.errors import IntentAdaptersError
from intent_adapters.model import IntentModel
from intent_adapters.prediction import Prediction

__version__ = "0.1.0"

__all__ = ["BottleneckConfig", "IntentAdaptersError", "IntentModel", "Prediction"]
