"""A track small enough to be made in seconds: five intents, an encoder of two layers, and a data folder."""

from __future__ import annotations

import json

import pytest

from tests.support.tiny import tiny_tokenizer

INTENTS = {
    "예약": ["예약하고 싶어요", "예약 가능한가요", "예약 부탁해요", "예약할게요", "예약해 주세요"],
    "취소": ["취소하고 싶어요", "취소 가능한가요", "취소 부탁해요", "취소할게요", "취소해 주세요"],
    "변경": ["변경하고 싶어요", "변경 가능한가요", "변경 부탁해요", "변경할게요", "변경해 주세요"],
}
SHORT = "{ steps = 3, batch_size = 2, warmup_steps = 1, save_every = 2, log_every = 1 }"
TRACK = f"""
title = "A small one"
repetitions = 2

[pairs]
files = ["pairs.jsonl"]
leave_out = ["bad"]

[encoders.large-plm]
kind = "pretrained"
texts = ["pairs.jsonl", "texts.txt"]
tokenizer = "small-tokenizer"
shape = {{ num_hidden_layers = 2, hidden_size = 48, num_attention_heads = 12, intermediate_size = 64 }}
training = {{ steps = 3, batch_size = 4, block_length = 8, warmup_steps = 1, save_every = 2, log_every = 1 }}

[encoders.large-se]
kind = "contrastive"
of = "large-plm"
training = {SHORT}

[encoders.distilled-plm]
kind = "distilled"
of = "large-plm"
layers = 1
training = {SHORT}

[encoders.distilled-se]
kind = "distilled"
of = "large-se"
layers = 1
training = {SHORT}

[[columns]]
name = "clinic"
rows = "rows.jsonl"
shots = 2
domain = "IT"
"""


@pytest.fixture
def track_file(tmp_path):
    file = tmp_path / "small.toml"
    file.write_text(TRACK, encoding="utf-8")
    return file


@pytest.fixture
def data(tmp_path):
    """The data folder of the track."""
    folder = tmp_path / "data"
    folder.mkdir()
    rows = [{"text": text, "label": label} for label, texts in INTENTS.items() for text in texts]
    pairs = [
        {"anchor": texts[i], "positive": texts[i + 1], "kind": "paraphrase", "source": "bad" if i == 3 else "good"}
        for texts in INTENTS.values()
        for i in range(4)
    ]
    _write(folder / "rows.jsonl", rows)
    _write(folder / "pairs.jsonl", pairs)
    (folder / "texts.txt").write_text("hello there\n\n진료비 얼마\n", encoding="utf-8")
    return folder


@pytest.fixture
def tokenizer(tmp_path):
    """Folder of the tokenizer that the track calls small-tokenizer."""
    folder = tmp_path / "tokenizer"
    tiny_tokenizer().save_pretrained(folder)
    return folder


def _write(file, rows):
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
