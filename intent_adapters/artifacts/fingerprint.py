"""Recognising a base: by what its weights, its pooling and its tokenizer do, not by its name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from intent_adapters.artifacts.encoder import encoder_of

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from torch import nn

# What a tokenizer does is part of the base. Its files change with every release of the libraries that write them, so
# we look at what it makes of these texts (and at its vocabulary) instead.
PROBE_TEXTS = (
    "The quick brown fox doesn't jump over 13 lazy dogs!",
    "내일 오전 10시 진료 예약을 취소하고 싶어요.",
    "Ünïcödé, ＦＵＬＬ　ＷＩＤＴＨ, ㅋㅋㅋ ㅠㅠ 🙂\tTAB",
)


def fingerprint(model: SentenceTransformer) -> str:
    """Recognise a base: SHA-256 over its weights, shape, pooling and what its tokenizer does.

    Names of parameters and files play no part, they differ between library versions; nor does the pooler, which
    sentence encoders do not use.

    Returns:
        64 hexadecimal digits.
    """
    config = encoder_of(model).config
    facts = {
        "architecture": [
            config.model_type,
            *(getattr(config, key, None) for key in ("hidden_size", "num_hidden_layers", "num_attention_heads")),
            str(getattr(config, "hidden_act", None) or getattr(config, "activation", None)),
        ],
        "modules": [_describe_module(module) for module in model],
        "vocabulary": hashlib.sha256(json.dumps(sorted(model.tokenizer.get_vocab().items())).encode()).hexdigest(),
        "tokens": [model.tokenizer(text)["input_ids"] for text in PROBE_TEXTS],
        "weights": sorted(_weight_digests(model)),
    }
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _describe_module(module: nn.Module) -> list[str]:
    return [type(module).__name__, str(getattr(module, "pooling_mode", None) or "")]


def _weight_digests(model: nn.Module) -> Iterator[str]:
    for name, parameter in model.named_parameters():
        if "pooler" not in name:
            values = np.ascontiguousarray(parameter.detach().float().cpu().numpy())
            yield f"{list(values.shape)} {hashlib.sha256(values.data).hexdigest()}"
