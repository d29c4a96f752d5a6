"""Leaves tokens out of training texts at random: the regulariser that few-shot intents gain most from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class TokenDropout:
    """Tokenizes texts and leaves out each token, except a text's first, with a given probability.

    The tokens left move together: it trains as well as masking the others, on shorter batches.

    Args:
        preprocess: Turns texts into features, among them `attention_mask` (texts, tokens), padded on the right.
        probability: With which a token is left out, from 0 to below 1.
        seed: Of the draws; they touch no other random state.
    """

    def __init__(self, preprocess: Callable[..., dict[str, Any]], probability: float, seed: int) -> None:
        self.preprocess = preprocess
        self.probability = probability
        self.generator = torch.Generator().manual_seed(seed)

    def __call__(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The features of `preprocess` with fewer tokens."""
        features = self.preprocess(*args, **kwargs)
        mask = features["attention_mask"]
        kept = (torch.rand(mask.shape, generator=self.generator) >= self.probability) & mask.bool()
        kept[:, 0] = True
        order = torch.sort(kept.int(), dim=-1, descending=True, stable=True).indices
        order = order[:, : int(kept.sum(dim=-1).max())]
        shorter = {
            name: value.gather(1, order)
            for name, value in features.items()
            if isinstance(value, Tensor) and value.shape == mask.shape
        }
        shorter["attention_mask"] = kept.gather(1, order).to(mask.dtype)
        # The places of tokens left out are padding now, whatever token still stands there.
        return {**features, **shorter}
