"""Intent classification for many chatbots on one small frozen encoder: one bottleneck adapter per agent.

Importing this package registers the bottleneck adapter with PEFT: at once if PEFT has been imported, else as soon as
it is. The names below are imported when they are first asked for, so that `import intent_adapters` takes no time.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from intent_adapters.after_import import after_import
from intent_adapters.errors import IntentAdaptersError
from intent_adapters.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from intent_adapters.bottleneck import BottleneckConfig
    from intent_adapters.cluster import train_agents
    from intent_adapters.model import IntentModel
    from intent_adapters.prediction import Prediction
    from intent_adapters.training import train_agent

__version__ = "0.1.0"

__all__ = ["BottleneckConfig", "IntentAdaptersError", "IntentModel", "Prediction", "train_agent", "train_agents"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "BottleneckConfig": "intent_adapters.bottleneck",
        "IntentModel": "intent_adapters.model",
        "Prediction": "intent_adapters.prediction",
        "train_agent": "intent_adapters.training",
        "train_agents": "intent_adapters.cluster",
    },
)

after_import("peft", lambda: import_module("intent_adapters.bottleneck"))
