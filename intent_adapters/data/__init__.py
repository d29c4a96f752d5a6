"""Labelled utterances: read from files, folders and the Hub, checked, and drawn for few-shot training."""

from __future__ import annotations

from intent_adapters.data.few_shot import few_shot_split, label_counts
from intent_adapters.data.reading import read_intents
from intent_adapters.data.validation import validate_rows

__all__ = ["few_shot_split", "label_counts", "read_intents", "validate_rows"]
