"""The head of an agent at serving time: from its sentence embeddings to predictions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from intent_adapters.bottleneck.functional import MINIMUM_SCALE
from intent_adapters.prediction import Prediction
from intent_adapters.runtime.adapter import HEAD, Adapter

Floats = NDArray[np.float32]
SMALLEST_NORM = 1e-12


class AgentHead:
    """Turns the embeddings that an agent's bottlenecks gave into its answers.

    Scale and temperature are folded into the weights here, once. Between two passes of an encoder the processor's
    caches hold nothing of this code, so that every operation on a single row costs several times what it does in a
    loop, and PyTorch's two or three times what NumPy's do.

    Args:
        adapter: Config and tensors of the agent; it has a head.
    """

    def __init__(self, adapter: Adapter) -> None:
        self.config = adapter.config
        self.labels = adapter.labels
        weight = adapter.tensors[f"{HEAD}.weight"].cpu()
        scale = adapter.tensors.get(f"{HEAD}.scale")
        bias = adapter.tensors.get(f"{HEAD}.bias")
        self._cosine = scale is not None
        if scale is not None:
            weight = F.normalize(weight, dim=-1) * scale.cpu().clamp_min(MINIMUM_SCALE)
        self._weight: Floats = (weight / self.config.temperature).contiguous().numpy()
        self._bias: Floats | None = None if bias is None else (bias.cpu() / self.config.temperature).numpy()

    def answer(self, agent: str, embeddings: Tensor, top_k: int, threshold: float | None) -> list[Prediction]:
        """Predictions for some utterances of this agent.

        Args:
            agent: The name that the predictions carry.
            embeddings: (rows, dimensions) sentence embeddings that this agent's bottlenecks produced, float32, on the
                CPU.
            top_k: How many intents each prediction lists, at most.
            threshold: Scope score below which a prediction is out of scope; `None` takes the agent's own.

        Returns:
            One prediction per row.
        """
        limit = self.config.threshold if threshold is None else threshold
        logits = self.logits(embeddings)
        highest = logits.max(axis=1)
        energies = highest + np.log(np.exp(logits - highest[:, None]).sum(axis=1))
        indices = _best(logits, min(top_k, len(self.labels)))
        probabilities = np.exp(logits[np.arange(len(logits))[:, None], indices] - energies[:, None])
        predictions = []
        rows = zip(probabilities.tolist(), indices.tolist(), self._scope(energies, probabilities), strict=True)
        for row_scores, row_indices, scope_score in rows:
            top = tuple((self.labels[index], score) for index, score in zip(row_indices, row_scores, strict=True))
            label, score = top[0]
            in_scope = limit is None or scope_score >= limit
            predictions.append(Prediction(agent, label, score, top, in_scope, scope_score))
        return predictions

    def logits(self, embeddings: Tensor) -> Floats:
        """The logits of all labels divided by the temperature, (rows, labels); their softmax are the probabilities."""
        rows: Floats = embeddings.numpy()
        logits: Floats = rows @ self._weight.T
        if self._cosine:
            norms = np.sqrt((rows * rows).sum(axis=1, keepdims=True))
            logits /= np.maximum(norms, SMALLEST_NORM)
        if self._bias is not None:
            logits += self._bias
        return logits

    def _scope(self, energies: Floats, probabilities: Floats) -> list[float]:
        location, spread = self.config.scope_location, self.config.scope_spread
        if location is None or spread is None:
            return list(probabilities[:, 0].tolist())
        # `bottleneck.scope_scores`; its sigmoid as a hyperbolic tangent, which nothing can overflow.
        scores = 0.5 + 0.5 * np.tanh((energies.astype(np.float64) - location) / (2 * spread))
        return list(scores.tolist())


def _best(logits: Floats, count: int) -> NDArray[np.int64]:
    """The indices of the highest logits of each row, the highest first: (rows, count)."""
    rest = logits.shape[1] - count
    some = np.argpartition(logits, rest, axis=1)[:, rest:]
    rows = np.arange(len(logits))[:, None]
    return some[rows, np.argsort(-logits[rows, some], axis=1)]
