"""How predictions are computed: adapters at rest and in memory, and the encoder pass over any mix of them."""

from __future__ import annotations

from intent_adapters.runtime.adapter import Adapter
from intent_adapters.runtime.store import AdapterStore
from intent_adapters.runtime.torch import TorchRuntime

__all__ = ["Adapter", "AdapterStore", "TorchRuntime"]
