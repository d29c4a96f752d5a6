"""The head of an agent at serving time: from its sentence embeddings to predictions."""

from __future__ import annotations

import torch
from torch import Tensor

from intent_adapters.bottleneck import cosine_logits, linear_logits
from intent_adapters.prediction import Prediction
from intent_adapters.runtime.adapter import HEAD, Adapter


class AgentHead:
    """Turns the embeddings that an agent's bottlenecks gave into its answers.

    Args:
        adapter: Config and tensors of the agent; it has a head.
        device: Where the embeddings will be.
    """

    def __init__(self, adapter: Adapter, device: torch.device) -> None:
        self.config = adapter.config
        self.labels = adapter.labels
        tensors = {part: adapter.tensors.get(f"{HEAD}.{part}") for part in ("weight", "scale", "bias")}
        self._parts = {part: None if tensor is None else tensor.to(device) for part, tensor in tensors.items()}

    def answer(self, agent: str, embeddings: Tensor, top_k: int, threshold: float | None) -> list[Prediction]:
        """Predictions for some utterances of this agent.

        Args:
            agent: The name that the predictions carry.
            embeddings: (rows, dimensions) sentence embeddings that this agent's bottlenecks produced.
            top_k: How many intents each prediction lists, at most.
            threshold: Probability below which a prediction is out of scope; `None` takes the agent's own.

        Returns:
            One prediction per row.
        """
        limit = self.config.threshold if threshold is None else threshold
        probabilities, indices = self.probabilities(embeddings).topk(min(top_k, len(self.labels)))
        predictions = []
        for row_scores, row_indices in zip(probabilities.tolist(), indices.tolist(), strict=True):
            top = tuple((self.labels[index], score) for index, score in zip(row_indices, row_scores, strict=True))
            label, score = top[0]
            predictions.append(Prediction(agent, label, score, top, in_scope=limit is None or score >= limit))
        return predictions

    def probabilities(self, embeddings: Tensor) -> Tensor:
        """The probability of every label: (rows, labels), each row sums to 1."""
        return torch.softmax(self._logits(embeddings) / self.config.temperature, dim=-1)

    def _logits(self, embeddings: Tensor) -> Tensor:
        weight, scale, bias = self._parts["weight"], self._parts["scale"], self._parts["bias"]
        assert weight is not None
        if scale is not None:
            return cosine_logits(embeddings, weight, scale)
        assert bias is not None
        return linear_logits(embeddings, weight, bias)
