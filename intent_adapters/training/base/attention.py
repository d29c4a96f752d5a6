"""Attention as it is fastest over short texts on a processor."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sentence_transformers import SentenceTransformer

from intent_adapters.architectures import find_encoder

# Characters of a short text, at most.
SHORT = 300


@contextmanager
def attention_for(model: SentenceTransformer, longest: int) -> Iterator[None]:
    """Computes attention in plain products for a while, where all texts are short and the model is on a processor.

    Of texts of some twenty tokens PyTorch's fused attention takes half of the time there, in bfloat16. Of long ones it
    is what saves memory.

    Args:
        model: The model, which computes it as before afterwards.
        longest: Characters of the longest text.
    """
    encoder = find_encoder(model)
    chosen = getattr(getattr(encoder, "config", None), "_attn_implementation", None)
    if encoder is None or chosen != "sdpa" or model.device.type != "cpu" or longest > SHORT:
        yield
        return
    encoder.set_attn_implementation("eager")
    try:
        yield
    finally:
        encoder.set_attn_implementation(chosen)
