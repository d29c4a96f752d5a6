"""Utterances for timing, Korean and English, and fitting them to a number of tokens."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from intent_adapters.errors import ConfigError

LONGEST = 240
"""Characters in which the asked number of tokens must be reached."""


def utterances() -> list[str]:
    """Sixty-four short requests as chatbots get them, half of them Korean; we wrote them ourselves."""
    lines = Path(__file__).with_name("utterances.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line]


def fit(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase, tokens: int) -> list[str]:
    """Cut or lengthen every text so that it has an exact number of tokens.

    A text that is too short is continued with the texts after it; one that no cut fits is replaced by a fitting one.
    Special tokens count.

    Raises:
        ConfigError: Not one text can be made to fit.
    """
    fitted = [_fit_one(" ".join([*texts[index:], *texts[:index]]), tokenizer, tokens) for index in range(len(texts))]
    fitting = [text for text in fitted if text is not None]
    if not fitting:
        raise ConfigError(f"No utterance can be cut to {tokens} tokens for this tokenizer: ask for more tokens.")
    return [text if text is not None else fitting[index % len(fitting)] for index, text in enumerate(fitted)]


def _fit_one(text: str, tokenizer: PreTrainedTokenizerBase, tokens: int) -> str | None:
    cuts = list(dict.fromkeys(text[:end].strip() for end in range(1, min(len(text), LONGEST) + 1)))
    lengths = [len(ids) for ids in tokenizer(cuts)["input_ids"]]
    return max((cut for cut, length in zip(cuts, lengths, strict=True) if length == tokens), key=len, default=None)
