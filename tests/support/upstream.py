"""What the installed libraries can do together, found out by trying it with a method that PEFT ships."""

from __future__ import annotations

from importlib.metadata import version

import pytest
from peft import LoraConfig
from transformers import BertConfig, BertModel


def _refusal() -> str:
    """What transformers says when it is asked to add a LoRA; empty if it adds it."""
    shape = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    try:
        BertModel(BertConfig(vocab_size=8, **shape)).add_adapter(LoraConfig(r=1, target_modules=["query"]))
    except (ValueError, ImportError) as error:
        return str(error)
    return ""


_REFUSAL = _refusal()

needs_add_adapter = pytest.mark.skipif(
    bool(_REFUSAL),
    reason=f"transformers {version('transformers')} adds no adapter beside PEFT {version('peft')}: {_REFUSAL}",
)
"""Skips a test of transformers' own `add_adapter` or `load_adapter`, which refuses some versions of PEFT."""
