"""The Hub: fetching, publishing, finding, and the cards that say what was published.

The names below are imported when they are first asked for: the Hub's client takes a third of a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from intent_adapters.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from intent_adapters.hub.cards import CardFacts, Measurement, adapter_card, base_card
    from intent_adapters.hub.fetching import Fetched, HubOptions, adapter_folder, fetch_base
    from intent_adapters.hub.publishing import Published, publish_adapter, publish_base
    from intent_adapters.hub.search import FoundAgent, list_agents

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

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        **dict.fromkeys(("CardFacts", "Measurement", "adapter_card", "base_card"), "intent_adapters.hub.cards"),
        **dict.fromkeys(("Fetched", "HubOptions", "adapter_folder", "fetch_base"), "intent_adapters.hub.fetching"),
        **dict.fromkeys(("Published", "publish_adapter", "publish_base"), "intent_adapters.hub.publishing"),
        **dict.fromkeys(("FoundAgent", "list_agents"), "intent_adapters.hub.search"),
    },
)
