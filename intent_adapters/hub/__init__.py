"""The Hub: fetching, publishing, finding, and the cards that say what was published."""

from __future__ import annotations

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
