"""How predictions are computed: adapters in memory, and the encoder pass over any mix of them."""

from __future__ import annotations

from intent_adapters.runtime.store import AdapterStore
from intent_adapters.runtime.torch import TorchRuntime

__all__ = ["AdapterStore", "TorchRuntime"]
