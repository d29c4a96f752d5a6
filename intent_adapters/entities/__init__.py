"""Entities in utterances, such as dates and cities: what they are, and where."""

from __future__ import annotations

from intent_adapters.entities.finder import EntityFinder

__all__ = ["EntityFinder"]
