"""The Hub: fetching, publishing, finding, and the cards that say what was published.

`fetching` lies at the very bottom, below the modules that read what it fetches; the rest lies above them. That is why
nothing is imported here before it is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from intent_adapters.hub.cards import CardFacts, Measurement, adapter_card, base_card
    from intent_adapters.hub.fetching import Fetched, HubOptions, adapter_folder, fetch_base
    from intent_adapters.hub.publishing import Published, publish_adapter, publish_base
    from intent_adapters.hub.search import FoundAgent, list_agents

_ROOMS = {
    "cards": ("CardFacts", "Measurement", "adapter_card", "base_card"),
    "fetching": ("Fetched", "HubOptions", "adapter_folder", "fetch_base"),
    "publishing": ("Published", "publish_adapter", "publish_base"),
    "search": ("FoundAgent", "list_agents"),
}

__all__ = [
    "CardFacts",
    "Fetched",
    "FoundAgent",
    "HubOptions",
    "Measurement",
    "Published",
    "adapter_card",
    "adapter_folder",
    "base_card",
    "fetch_base",
    "list_agents",
    "publish_adapter",
    "publish_base",
]


def __getattr__(name: str) -> Any:
    for room, names in _ROOMS.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{room}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
