"""Checks of single settings: each returns the value, normalised, or raises a `ConfigError` saying what is wanted."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from intent_adapters.errors import ConfigError, shorten

# Control characters, line separators, and those that turn the direction of the text round them.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")

MAXIMUM_LABELS = 100_000
MAXIMUM_TEXT = 10_000
MAXIMUM_MODULES = 1_000
MAXIMUM_SETTINGS = 100


def check_flag(name: str, value: Any) -> bool:
    """A `bool`."""
    if not isinstance(value, bool):
        raise ConfigError(f"{name} must be true or false, got {shorten(value)}")
    return value


def check_settings(name: str, value: Any) -> dict[str, Any]:
    """Names and plain values, 100 at most."""
    if not isinstance(value, dict) or len(value) > MAXIMUM_SETTINGS or not all(map(_is_setting, value.items())):
        raise ConfigError(f"{name} must be an object of {MAXIMUM_SETTINGS} plain values at most, got {shorten(value)}")
    return value


def check_text(name: str, value: Any) -> str | None:
    """None, or a `str` that can be written as UTF-8, of 10,000 characters at most."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise ConfigError(f"{name} must be a string or absent, got {shorten(value)}")
    if len(value) > MAXIMUM_TEXT or not _is_utf8(value):
        raise ConfigError(
            f"{name} must be valid Unicode of at most {MAXIMUM_TEXT} characters, "
            f"got {len(value)} characters: {shorten(value)}"
        )
    return value


def check_form(name: str, value: Any, pattern: str, form: str) -> str | None:
    """None, or a `str` that a pattern describes and `form` shows."""
    if value is not None and not (isinstance(value, str) and re.fullmatch(pattern, value, re.ASCII)):
        raise ConfigError(f"{name} must be {form} or absent, got {shorten(value)}")
    return value


def check_labels(name: str, value: Any) -> list[str]:
    """A list of 1 to 100,000 distinct, non-empty strings without control characters."""
    if not isinstance(value, list | tuple):
        raise ConfigError(f"{name} must be a list of intent names or absent, got {shorten(value)}")
    if not 1 <= len(value) <= MAXIMUM_LABELS:
        raise ConfigError(f"{name} must have 1 to {MAXIMUM_LABELS} intent names, got {len(value)}")
    seen: set[str] = set()
    for position, label in enumerate(value):
        if not isinstance(label, str) or not label.strip() or len(label) > MAXIMUM_TEXT or not _is_utf8(label):
            raise ConfigError(f"{name}[{position}] must be a non-empty string, got {shorten(label)}")
        if _UNPRINTABLE.search(label):
            raise ConfigError(f"{name}[{position}] has a control character, which can forge output: {shorten(label)}")
        if label in seen:
            raise ConfigError(f"{name}[{position}] repeats {shorten(label)}; each intent is named once")
        seen.add(label)
    return [str.__str__(label) for label in value]  # of a member of an enumeration its value, not its name


def check_descriptions(value: Any, labels: Collection[str]) -> dict[str, list[str]] | None:
    """None, or a list of texts for some of the labels."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise ConfigError(f"descriptions must be an object or absent, got {shorten(value)}")
    for label, texts in value.items():
        check_among_labels("descriptions", label, labels)
        if not isinstance(texts, list | tuple) or not texts or not all(isinstance(text, str) for text in texts):
            raise ConfigError(f"descriptions of {shorten(label)} must be a list of strings, got {shorten(texts)}")
        for text in texts:
            check_text("descriptions", text)
    return {str.__str__(label): list(texts) for label, texts in value.items()}


def check_among_labels(name: str, label: Any, labels: Collection[str]) -> None:
    """One of the labels."""
    if not isinstance(label, str) or label not in labels:
        raise ConfigError(f"{name} has {shorten(label)}, which is not among the labels")


def check_module_names(name: str, value: Any) -> list[str] | None:
    """None, or a collection of 1 to 1,000 names of modules, returned sorted and each once."""
    if value is None:
        return None
    if isinstance(value, str):
        raise ConfigError(
            f"{name} must be a list of module names or of their endings, such as ['output.dense'], got the string "
            f'{shorten(value)}; PEFT\'s regular expressions and its "all-linear" are not supported'
        )
    if not isinstance(value, list | tuple | set | frozenset) or not all(isinstance(v, str) and v for v in value):
        raise ConfigError(f"{name} must be a list of module names or of their endings, got {shorten(value)}")
    if not 1 <= len(value) <= MAXIMUM_MODULES:
        raise ConfigError(f"{name} must have 1 to {MAXIMUM_MODULES} names, got {len(value)}")
    return sorted(set(value))


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_setting(item: tuple[Any, Any]) -> bool:
    name, value = item
    return isinstance(name, str) and (value is None or isinstance(value, str | int | float))
