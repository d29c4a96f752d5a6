"""How many tokens the base makes of a text, and whether it knows them."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

from sentence_transformers import SentenceTransformer


@dataclass(frozen=True, slots=True)
class TokenCount:
    """What a base makes of one text.

    Attributes:
        tokens: How many, with those that the tokenizer adds, and those that are cut off.
        unknown: How many stand for something that the base's vocabulary does not have.
        cut: Whether the base reads only the first of them.
    """

    tokens: int
    unknown: int
    cut: bool


def count_tokens(model: SentenceTransformer, texts: Sequence[str]) -> list[TokenCount]:
    """Count the tokens of texts, each as it is.

    Args:
        model: The base.
        texts: The texts.

    Returns:
        One count for each text.
    """
    if not texts:
        return []
    tokenizer = copy.deepcopy(model.tokenizer)  # a call changes its state, and other threads may use it
    rows: list[list[int]] = tokenizer(list(texts), truncation=False, verbose=False)["input_ids"]
    limit, unknown = model.max_seq_length, tokenizer.unk_token_id
    return [
        TokenCount(
            tokens=len(ids),
            unknown=0 if unknown is None else ids.count(unknown),
            cut=limit is not None and len(ids) > limit,
        )
        for ids in rows
    ]
