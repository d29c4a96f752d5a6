"""What callers hand to `IntentModel`: checked here, so that nothing strange reaches the tokenizer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from intent_adapters.errors import ConfigError, IntentAdaptersError, TextError

SURROGATES = re.compile(r"[\ud800-\udfff]")


def check_texts(texts: Sequence[str], failures: dict[int, IntentAdaptersError] | None = None) -> list[str]:
    """Texts that a tokenizer can take: lone surrogates, which are half characters, become U+FFFD.

    Args:
        texts: What was handed over.
        failures: Takes the error of each text that is no usable one, by its index. `None`: it is raised.

    Raises:
        TextError: They are not a collection of texts, or one of them is not a string, or is empty.
    """
    if isinstance(texts, (bytes, Mapping)) or not isinstance(texts, Iterable):
        raise TextError(f"Give a text or a list of texts, not {type(texts).__name__}: {texts!r:.80}.")
    rows = []
    for index, text in enumerate(texts):
        try:
            rows.append(_check_text(text, index))
        except TextError as error:
            if failures is None:
                raise
            failures[index] = error
            rows.append("")
    return rows


def _check_text(text: object, index: int) -> str:
    if not isinstance(text, str):
        raise TextError(f"Text {index} is of type {type(text).__name__}, not a string: {text!r:.80}.")
    if not text.strip():
        raise TextError(f"Text {index} is empty: {text!r:.80}. Leave empty messages out.")
    return SURROGATES.sub("\ufffd", text)


def check_range(name: str, value: int, low: int) -> None:
    """Let whole numbers from `low` upwards pass.

    Raises:
        ConfigError: `value` is something else.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise ConfigError(f"{name} is a whole number of at least {low}, not {value!r}.")


def check_choice(name: str, value: str, choices: Sequence[str]) -> None:
    """Let one of some strings pass.

    Raises:
        ConfigError: `value` is something else.
    """
    if value not in choices:
        raise ConfigError(f"{name} is one of {', '.join(choices)}, not {value!r}.")
