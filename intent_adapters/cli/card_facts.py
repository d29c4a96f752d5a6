"""What `card` and `push` are told about an agent or a base for its card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from intent_adapters.data import read_intents
from intent_adapters.errors import DataError
from intent_adapters.hub import CardFacts, Measurement


def card_facts(
    facts: Path | None,
    language: list[str] | None,
    license_name: str | None,
    data: str | None,
    scores: list[Path] | None,
    scores_name: str,
) -> CardFacts:
    """Everything together; what an option says comes before what the file says.

    Raises:
        ConfigError: A fact makes no sense.
        DataError: A file cannot be read.
    """
    known = CardFacts.from_dict(_read_json(facts)) if facts else CardFacts()
    if language:
        known = replace(known, language=language)
    if license_name:
        known = replace(known, license=license_name)
    if data:
        known = known.with_rows(read_intents(data))
    if scores:
        measured = Measurement.from_evaluations([_read_json(path) for path in scores], scores_name)
        known = replace(known, measurements=[*known.measurements, *measured])
    return known


def _read_json(path: Path) -> Mapping[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{str(path)!r} cannot be read as JSON: {error}") from error
    if not isinstance(values, dict):
        raise DataError(f"{str(path)!r} must hold a JSON object, not a {type(values).__name__}")
    return values
