"""Recognising a base: by what its weights, its pooling and its tokenizer do, not by its name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from intent_adapters.artifacts.encoder import encoder_of

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

# What a tokenizer does is part of the base. Its files change with every release of the libraries that write them, so
# we look at what it makes of these texts (and at its vocabulary) instead.
PROBE_TEXTS = (
    "The quick brown fox doesn't jump over 13 lazy dogs!",
    "내일 오전 10시 진료 예약을 취소하고 싶어요.",
    "Ünïcödé, ＦＵＬＬ　ＷＩＤＴＨ, ㅋㅋㅋ ㅠㅠ 🙂\tTAB",
)


@dataclass(frozen=True)
class Features:
    """By what a base is recognised, wherever it is read from.

    Names of parameters and files play no part, they differ between library versions; nor does the pooler, which
    sentence encoders do not use.

    Attributes:
        shape: `model_type`, hidden size, layers, heads and activation function, as the config names them.
        modules: Of each module of sentence-transformers, its class and how it pools.
        vocabulary: The number of each token.
        tokens: What the tokenizer makes of `PROBE_TEXTS`.
        weights: All weights, in any order, in float32.
    """

    shape: list[Any]
    modules: list[list[str]]
    vocabulary: Mapping[str, int]
    tokens: list[list[int]]
    weights: Iterable[NDArray[np.float32]]

    def fingerprint(self) -> str:
        """SHA-256 over all of them: 64 hexadecimal digits."""
        facts = {
            "architecture": self.shape,
            "modules": self.modules,
            "vocabulary": hashlib.sha256(json.dumps(sorted(self.vocabulary.items())).encode()).hexdigest(),
            "tokens": self.tokens,
            "weights": sorted(map(_digest, self.weights)),
        }
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def fingerprint(model: SentenceTransformer) -> str:
    """Recognise a base in memory; see `Features`.

    Returns:
        64 hexadecimal digits.
    """
    config = encoder_of(model).config
    return Features(
        [
            config.model_type,
            *(getattr(config, key, None) for key in ("hidden_size", "num_hidden_layers", "num_attention_heads")),
            str(getattr(config, "hidden_act", None) or getattr(config, "activation", None)),
        ],
        [[type(module).__name__, str(getattr(module, "pooling_mode", None) or "")] for module in model],
        model.tokenizer.get_vocab(),
        [model.tokenizer(text)["input_ids"] for text in PROBE_TEXTS],
        (
            parameter.detach().float().cpu().numpy()
            for name, parameter in model.named_parameters()
            if "pooler" not in name
        ),
    ).fingerprint()


def _digest(weights: NDArray[np.float32]) -> str:
    return f"{list(weights.shape)} {hashlib.sha256(np.ascontiguousarray(weights).data).hexdigest()}"
