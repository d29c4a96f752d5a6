from __future__ import annotations

import hashlib

import pytest

from intent_adapters.data import data_digest
from intent_adapters.errors import DataError

ROWS = [
    {"text": "취소해 주세요", "label": "cancel"},
    {"text": "what is the price", "label": "price"},
    {"text": "cancel it", "label": "cancel"},
]


def test_another_program_computes_it_as_the_documentation_says():
    parts = sorted(row["text"].encode() + b"\0" + row["label"].encode() + b"\0" for row in ROWS)
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    assert data_digest(ROWS) == digest.hexdigest()


def test_order_columns_and_white_space_play_no_part():
    other = [{"utterance": f" {row['text']} ", "intent": row["label"]} for row in reversed(ROWS)]
    assert data_digest(other) == data_digest(ROWS)


@pytest.mark.parametrize(
    "change", [{"text": "cancel that"}, {"label": "price"}, {"text": "cancel i", "label": "tcancel"}]
)
def test_any_change_of_a_row_shows(change):
    assert data_digest([*ROWS[:2], {**ROWS[2], **change}]) != data_digest(ROWS)
    assert data_digest(ROWS[:2]) != data_digest(ROWS)


def test_rows_that_cannot_be_trained_on_have_none():
    with pytest.raises(DataError):
        data_digest([*ROWS, {"text": "", "label": "cancel"}])
