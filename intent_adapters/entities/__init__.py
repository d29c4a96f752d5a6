"""Entities in utterances, such as dates and cities: what they are, where, and what is still to be asked."""

from __future__ import annotations

from intent_adapters.entities.finder import EntityFinder
from intent_adapters.entities.form import Form, Slot

__all__ = ["EntityFinder", "Form", "Slot"]
