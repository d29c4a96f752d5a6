"""Intent classification for many chatbots on one small frozen encoder: one bottleneck adapter per agent.

Importing this package registers the bottleneck adapter with PEFT: at once if PEFT has been imported, else as soon as
it is. The names below are imported when they are first asked for, so that `import intent_adapters` takes no time.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from intent_adapters.after_import import after_import
from intent_adapters.errors import IntentAdaptersError
from intent_adapters.extras import need

if TYPE_CHECKING:
    from intent_adapters.bottleneck import BottleneckConfig
    from intent_adapters.model import IntentModel
    from intent_adapters.prediction import Prediction
    from intent_adapters.training import train_agent

__version__ = "0.1.0"

__all__ = ["BottleneckConfig", "IntentAdaptersError", "IntentModel", "Prediction", "train_agent"]

_PLACES = {
    "BottleneckConfig": "intent_adapters.bottleneck",
    "IntentModel": "intent_adapters.model",
    "Prediction": "intent_adapters.prediction",
    "train_agent": "intent_adapters.training",
}

after_import("peft", lambda: import_module("intent_adapters.bottleneck"))


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "train_agent":
        need("datasets", "train")
    value = globals()[name] = getattr(import_module(_PLACES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
