"""A sentence encoder as serving runs it, for training: the same tokens, the same modules, and nothing between."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor

from intent_adapters.runtime.batching import batches
from intent_adapters.runtime.tokens import Tokenizer


class Embedder:
    """Makes sentence embeddings of texts, with the weights of a model in eval mode as they are at the time."""

    def __init__(self, model: SentenceTransformer, tokenize: Tokenizer) -> None:
        self.model = model
        self.tokenize = tokenize

    def embed(self, texts: Sequence[str], batch_size: int = 32, *, prompt: str = "") -> Tensor:
        """Sentence embeddings (texts, dim) in float32 on the CPU, in the order of `texts`, each behind the prompt."""
        tokens = self.tokenize([prompt + text for text in texts])
        order: list[int] = []
        parts: list[Tensor] = []
        with torch.no_grad():
            for rows in batches(tokens.lengths, [None] * len(texts), batch_size):
                parts.append(self.forward(tokens.batch(rows)).to("cpu", torch.float32))
                order += rows
        together = torch.cat(parts)
        embeddings = torch.empty_like(together)
        embeddings[torch.tensor(order)] = together
        return embeddings

    def forward(self, features: dict[str, Tensor]) -> Tensor:
        """The sentence embeddings (texts, dim) of one batch of tokens, on the model's device."""
        device = self.model.device
        embeddings: Tensor = self.model({name: value.to(device) for name, value in features.items()})[
            "sentence_embedding"
        ]
        return embeddings


class FrozenEmbedder(Embedder):
    """An embedder of weights that stay as they are: no text is embedded twice."""

    def __init__(self, model: SentenceTransformer, tokenize: Tokenizer) -> None:
        super().__init__(model, tokenize)
        self._known: dict[str, Tensor] = {}

    def embed(self, texts: Sequence[str], batch_size: int = 32, *, prompt: str = "") -> Tensor:
        """As `Embedder.embed`."""
        wanted = [prompt + text for text in texts]
        new = [text for text in dict.fromkeys(wanted) if text not in self._known]
        if new:
            self._known.update(zip(new, super().embed(new, batch_size), strict=True))
        return torch.stack([self._known[text] for text in wanted])
