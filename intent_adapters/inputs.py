"""Texts and single settings that callers hand over, checked before anything is done with them."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from intent_adapters.errors import AgentError, ConfigError, IntentAdaptersError, TextError, shorten

Name = TypeVar("Name", str, str | None)
SURROGATES = re.compile(r"[\ud800-\udfff]")
CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def check_texts(texts: str | Sequence[str], failures: dict[int, IntentAdaptersError] | None = None) -> list[str]:
    """Texts that a tokenizer can take: lone surrogates, which are half characters, become U+FFFD.

    Args:
        texts: What was handed over: one text, or many.
        failures: Takes the error of each text that is no usable one, by its index. `None`: it is raised.

    Raises:
        TextError: They are not a collection of texts, or one of them is not a string, or is empty.
    """
    if isinstance(texts, (bytes, Mapping)) or not isinstance(texts, Iterable):
        raise TextError(f"Give a text or a list of texts, not {type(texts).__name__}: {texts!r:.80}.")
    rows = []
    for index, text in enumerate([texts] if isinstance(texts, str) else texts):
        try:
            rows.append(check_text(text, "The text" if isinstance(texts, str) else f"texts[{index}]"))
        except TextError as error:
            if failures is None:
                raise
            failures[index] = error
            rows.append("")
    return rows


def check_text(text: object, place: str) -> str:
    """As `check_texts`, one text that an error calls by its place."""
    if not isinstance(text, str):
        raise TextError(f"{place} is of type {type(text).__name__}, not a string: {text!r:.80}.")
    if not text.strip():
        raise TextError(f"{place} is empty: {text!r:.80}. Leave empty messages out.")
    return SURROGATES.sub("\ufffd", text)


def check_range(name: str, value: Any, low: int, high: int | None = None) -> int:
    """Let whole numbers from `low` to `high` pass; `None` sets no upper limit.

    Raises:
        ConfigError: `value` is something else.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < low or (high is not None and value > high):
        wanted = f"of at least {low}" if high is None else f"from {low} to {high}"
        raise ConfigError(f"{name} is a whole number {wanted}, not {shorten(value)}.")
    return value


def check_number(
    name: str, value: Any, low: float, high: float = math.inf, *, above: bool = False, below: bool = False
) -> float:
    """Let finite numbers from `low` to `high` pass; with `above` or `below`, not that limit itself.

    Raises:
        ConfigError: `value` is something else.
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    fits = is_number and low <= value <= min(high, sys.float_info.max)
    if not fits or (above and value == low) or (below and value == high):
        interval = f"{'(' if above else '['}{low:g}, {high:g}{')' if below or high == math.inf else ']'}"
        raise ConfigError(f"{name} is a number in {interval}, not {shorten(value)}.")
    return float(value)


def check_choice(name: str, value: Any, choices: Iterable[str]) -> None:
    """Let one of some strings pass.

    Raises:
        ConfigError: `value` is something else.
    """
    if not isinstance(value, str) or value not in choices:
        raise ConfigError(f"{name} is one of {', '.join(choices)}, not {shorten(value)}.")


def is_path(name: str) -> bool:
    """Whether a name can only be that of a file or a folder, and not that of a repository on the Hub."""
    return name.startswith((".", "/", "~")) or "\\" in name or name.count("/") > 1


def agents_per_row(
    agents: str | Sequence[Name],
    count: int,
    *,
    bare: bool = False,
    failures: dict[int, IntentAdaptersError] | None = None,
) -> list[str] | list[Name]:
    """The agent of each of `count` rows; `None`, the bare base, only with `bare`.

    `failures` takes the errors of rows as in `check_texts`; one that is there already stays.

    Raises:
        AgentError: An agent is not named by a string.
        ConfigError: Not as many agents as rows.
    """
    if not isinstance(agents, Iterable):
        raise AgentError(f"Agents are named by a string or one string per text, not by {agents!r:.80}.")
    names = [agents] * count if isinstance(agents, str) else list(agents)
    if len(names) != count:
        raise ConfigError(f"{count} text(s) but {len(names)} agent(s): give one agent, or one per text.")
    for row, name in enumerate(names):
        if isinstance(name, str) or (bare and name is None):
            continue
        error = AgentError(f"agents[{row}] is not a string: {name!r:.80}.")
        if failures is None:
            raise error
        failures.setdefault(row, error)
    return names


def thresholds_per_row(threshold: float | Sequence[float | None] | None, count: int) -> Sequence[float | None]:
    """The threshold of each of `count` rows.

    Raises:
        ConfigError: One is no scope score, or there are not as many as rows.
    """
    given = list(threshold) if isinstance(threshold, Iterable) else [threshold]
    for value in given:
        if value is not None and not (isinstance(value, (int, float)) and 0 <= value <= 1):
            raise ConfigError(f"threshold is a scope score between 0 and 1, not {shorten(value)}.")
    if not isinstance(threshold, Iterable):
        return given * count
    if len(given) != count:
        raise ConfigError(f"{count} text(s) but {len(given)} threshold(s): give one for all, or one per text.")
    return given
