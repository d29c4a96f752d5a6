"""A tiny random base as files, without PyTorch: what answers where that is not installed is tested on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

SPECIAL_TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
CHARACTERS = [
    *"abcdefghijklmnopqrstuvwxyz0123456789?!.,'-",
    *"가나다라마바사아자차카타파하예약취소변경해주세요진료비얼마",
]

SHAPE: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 66,
}


def tiny_wordpiece() -> Tokenizer:
    """A WordPiece tokenizer over single characters, Latin and Hangul."""
    characters = list(dict.fromkeys(CHARACTERS))
    pieces = [*SPECIAL_TOKENS, *characters, *(f"##{c}" for c in characters)]
    tokenizer = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(strip_accents=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return tokenizer


def write_tiny_base(folder: Path, seed: int = 0) -> Path:
    """Write a tiny BERT with mean pooling and length 1, in the files that sentence-transformers writes.

    Returns:
        The folder.
    """
    tokenizer = tiny_wordpiece()
    named = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), SPECIAL_TOKENS, strict=True))
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
    ]
    contents = {
        "modules.json": modules,
        "config.json": {
            "model_type": "bert",
            "architectures": ["BertModel"],
            "vocab_size": tokenizer.get_vocab_size(),
            "hidden_act": "gelu",
            **SHAPE,
        },
        "config_sentence_transformers.json": {"model_type": "SentenceTransformer"},
        "sentence_bert_config.json": {"max_seq_length": 64, "do_lower_case": False},
        "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 64, **named},
        "1_Pooling/config.json": {
            "word_embedding_dimension": SHAPE["hidden_size"],
            "pooling_mode_mean_tokens": True,
        },
    }
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content), encoding="utf-8")
    (folder / "2_Normalize").mkdir()
    tokenizer.save(str(folder / "tokenizer.json"))
    save_file(_weights(tokenizer.get_vocab_size(), seed), folder / "model.safetensors", {"format": "pt"})
    return folder


def _weights(words: int, seed: int) -> dict[str, np.ndarray]:
    width, inner = SHAPE["hidden_size"], SHAPE["intermediate_size"]
    draw = np.random.default_rng(seed)
    weights: dict[str, np.ndarray] = {}

    def linear(name: str, rows: int, columns: int) -> None:
        weights[f"{name}.weight"] = draw.standard_normal((rows, columns), np.float32) / 50
        weights[f"{name}.bias"] = np.zeros(rows, np.float32)

    def norm(name: str) -> None:
        weights[f"{name}.weight"], weights[f"{name}.bias"] = np.ones(width, np.float32), np.zeros(width, np.float32)

    for kind, count in (("word", words), ("position", SHAPE["max_position_embeddings"]), ("token_type", 2)):
        table = draw.standard_normal((count, width), np.float32) / 50
        weights[f"embeddings.{kind}_embeddings.weight"] = table
    norm("embeddings.LayerNorm")
    for number in range(SHAPE["num_hidden_layers"]):
        layer = f"encoder.layer.{number}"
        for part in ("query", "key", "value"):
            linear(f"{layer}.attention.self.{part}", width, width)
        linear(f"{layer}.attention.output.dense", width, width)
        norm(f"{layer}.attention.output.LayerNorm")
        linear(f"{layer}.intermediate.dense", inner, width)
        linear(f"{layer}.output.dense", width, inner)
        norm(f"{layer}.output.LayerNorm")
    linear("pooler.dense", width, width)
    return weights
