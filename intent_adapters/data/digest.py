"""Recognising labelled utterances by what they say, whatever file they came in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from intent_adapters.data.validation import validate_rows

if TYPE_CHECKING:
    from datasets import Dataset


def data_digest(rows: Dataset | Sequence[Mapping[str, object]]) -> str:
    """SHA-256 of labelled utterances, in any order: an adapter carries that of its own in `provenance.data_digest`.

    Another program computes it so: of each row that `validate_rows` keeps take the text, a zero byte, the label and a
    zero byte, in UTF-8; sort these by their bytes; hash them one after the other.

    Args:
        rows: As `train_agent` takes them.

    Returns:
        64 hexadecimal digits.

    Raises:
        DataError: The rows could not be trained on.
    """
    checked = validate_rows(rows)
    return digest_of(zip(checked["text"], checked["label"], strict=True))


def digest_of(examples: Iterable[tuple[str, str]]) -> str:
    """The digest of texts and labels that are checked already; neither holds a zero byte."""
    return hashlib.sha256(b"".join(sorted(f"{text}\0{label}\0".encode() for text, label in examples))).hexdigest()
