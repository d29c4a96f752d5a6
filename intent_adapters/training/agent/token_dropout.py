"""Leaves tokens out of training texts at random: the regulariser that few-shot intents gain most from."""

from __future__ import annotations

import torch
from torch import Tensor


class TokenDropout:
    """Leaves out each token, except a text's first, with a given probability.

    The tokens left move together: it trains as well as masking the others, on shorter batches. The draws touch no
    other random state.
    """

    def __init__(self, probability: float, seed: int) -> None:
        self.probability = probability
        self.generator = torch.Generator().manual_seed(seed)

    def __call__(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """The features with fewer tokens: (texts, tokens) each, among them `attention_mask`, padded on the right."""
        mask = features["attention_mask"]
        kept = (
            torch.rand(mask.shape, generator=self.generator, dtype=torch.float32) >= self.probability
        ) & mask.bool()
        kept[:, 0] = True
        order = torch.sort(kept.int(), dim=-1, descending=True, stable=True).indices
        order = order[:, : int(kept.sum(dim=-1).max())]
        shorter = {name: value.gather(1, order) for name, value in features.items() if value.shape == mask.shape}
        shorter["attention_mask"] = kept.gather(1, order).to(mask.dtype)
        # The places of tokens left out are padding now, whatever token still stands there.
        return {**features, **shorter}
