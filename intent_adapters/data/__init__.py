"""Labelled utterances and sentence pairs: read from files, folders and the Hub, checked, drawn for training."""

from __future__ import annotations

from intent_adapters.data.agents import AgentData, find_agents
from intent_adapters.data.annotations import EntityAnnotation
from intent_adapters.data.convert import Conversion, convert
from intent_adapters.data.definition_files import read_definitions
from intent_adapters.data.definitions import Definition, EntityDefinitions
from intent_adapters.data.descriptions import read_descriptions
from intent_adapters.data.digest import data_digest
from intent_adapters.data.few_shot import few_shot_split, label_counts
from intent_adapters.data.pairs import PairSource, read_pairs
from intent_adapters.data.reading import read_annotated, read_intents
from intent_adapters.data.texts import read_texts, texts_of
from intent_adapters.data.validation import validate_rows

__all__ = [
    "AgentData",
    "Conversion",
    "Definition",
    "EntityAnnotation",
    "EntityDefinitions",
    "PairSource",
    "convert",
    "data_digest",
    "few_shot_split",
    "find_agents",
    "label_counts",
    "read_annotated",
    "read_definitions",
    "read_descriptions",
    "read_intents",
    "read_pairs",
    "read_texts",
    "texts_of",
    "validate_rows",
]
