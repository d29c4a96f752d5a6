"""Model cards: what an agent or a base is, made from its files and from what its makers say about it."""

from __future__ import annotations

from intent_adapters.hub.cards.agent import adapter_card
from intent_adapters.hub.cards.base import base_card
from intent_adapters.hub.cards.facts import CardFacts, Latency, Measurement

__all__ = ["CardFacts", "Latency", "Measurement", "adapter_card", "base_card"]
