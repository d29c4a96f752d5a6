"""The head of an agent at serving time: from its sentence embeddings to predictions."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from intent_adapters.bottleneck import scope_scores
from intent_adapters.bottleneck.functional import MINIMUM_SCALE
from intent_adapters.prediction import Prediction
from intent_adapters.runtime.adapter import HEAD, Adapter


class AgentHead:
    """Turns the embeddings that an agent's bottlenecks gave into its answers.

    Scale and temperature are folded into the weights here, once, so that probabilities and scope score cost one
    matrix product and one `log_softmax`.

    Args:
        adapter: Config and tensors of the agent; it has a head.
        device: Where the embeddings will be.
    """

    def __init__(self, adapter: Adapter, device: torch.device) -> None:
        self.config = adapter.config
        self.labels = adapter.labels
        weight = adapter.tensors[f"{HEAD}.weight"].to(device)
        scale = adapter.tensors.get(f"{HEAD}.scale")
        bias = adapter.tensors.get(f"{HEAD}.bias")
        self._cosine = scale is not None
        if scale is not None:
            weight = F.normalize(weight, dim=-1) * scale.to(device).clamp_min(MINIMUM_SCALE)
        self._weight = (weight / self.config.temperature).contiguous()
        self._bias = None if bias is None else bias.to(device) / self.config.temperature

    def answer(self, agent: str, embeddings: Tensor, top_k: int, threshold: float | None) -> list[Prediction]:
        """Predictions for some utterances of this agent.

        Args:
            agent: The name that the predictions carry.
            embeddings: (rows, dimensions) sentence embeddings that this agent's bottlenecks produced.
            top_k: How many intents each prediction lists, at most.
            threshold: Scope score below which a prediction is out of scope; `None` takes the agent's own.

        Returns:
            One prediction per row.
        """
        limit = self.config.threshold if threshold is None else threshold
        logits = self.logits(embeddings)
        highest, indices = logits.log_softmax(dim=-1).topk(min(top_k, len(self.labels)))
        probabilities = highest.exp()
        # A log-probability is the logit less the energy; logsumexp itself takes several times as long.
        energies = logits.gather(1, indices[:, :1])[:, 0] - highest[:, 0]
        predictions = []
        rows = zip(probabilities.tolist(), indices.tolist(), self._scope(energies, probabilities), strict=True)
        for row_scores, row_indices, scope_score in rows:
            top = tuple((self.labels[index], score) for index, score in zip(row_indices, row_scores, strict=True))
            label, score = top[0]
            in_scope = limit is None or scope_score >= limit
            predictions.append(Prediction(agent, label, score, top, in_scope, scope_score))
        return predictions

    def logits(self, embeddings: Tensor) -> Tensor:
        """The logits of all labels divided by the temperature, (rows, labels); their softmax are the probabilities."""
        embeddings = embeddings.to(self._weight.dtype)
        return F.linear(F.normalize(embeddings, dim=-1) if self._cosine else embeddings, self._weight, self._bias)

    def _scope(self, energies: Tensor, probabilities: Tensor) -> list[float]:
        location, spread = self.config.scope_location, self.config.scope_spread
        if location is None or spread is None:
            return [float(score) for score in probabilities[:, 0].tolist()]
        return [float(score) for score in scope_scores(energies, location, spread).tolist()]
