"""The heads of agents at serving time: from sentence embeddings to predictions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from intent_adapters.adapter_config.config import MINIMUM_SCALE
from intent_adapters.adapter_config.tensors import HEAD
from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.prediction import Prediction
from intent_adapters.runtime.products import one_thread

Floats = NDArray[np.float32]
SMALLEST_SQUARE = 1e-24
SMALLEST_LENGTH = np.float32(1e-12)
# Up to so many, 64 rows and 170 labels of 384 dimensions, one thread takes less than 0.3 ms.
MANY_PRODUCTS = 2**22


class AgentHead:
    """Turns the embeddings that an agent's bottlenecks gave into logits. Scale and temperature are in its weights.

    Args:
        adapter: Config and tensors of the agent; it has a head.
    """

    def __init__(self, adapter: Adapter) -> None:
        self.config = adapter.config
        self.labels = adapter.labels
        self.version = adapter.version
        weight: Floats = adapter.arrays[f"{HEAD}.weight"]
        scale = adapter.arrays.get(f"{HEAD}.scale")
        bias: Floats | None = adapter.arrays.get(f"{HEAD}.bias")
        self.catch_all = frozenset(self.config.catch_all or ())
        self._normalizes = self.config.head != "linear"
        if scale is not None:
            # In float64, so that the order of the sum, which differs from machine to machine, plays no part.
            lengths = np.sqrt(np.einsum("ij,ij->i", weight, weight, dtype=np.float64)).astype(np.float32)[:, None]
            weight = weight / np.maximum(lengths, SMALLEST_LENGTH) * np.maximum(scale, np.float32(MINIMUM_SCALE))
        temperature = self.config.calibration.temperature
        self._weight: Floats = np.ascontiguousarray(weight / temperature)
        self._bias: Floats | None = None if bias is None else bias / temperature

    def logits(self, embeddings: Floats, lengths: Floats) -> Floats:
        """The logits of all labels over the temperature: their softmax gives the probabilities.

        Args:
            embeddings: (rows, dimensions), float32.
            lengths: Of the embeddings, (rows, 1).

        Returns:
            (rows, labels).
        """
        if len(embeddings) * self._weight.size > MANY_PRODUCTS:
            with one_thread():
                logits = embeddings @ self._weight.T
        else:
            # One label of one row after the other, so that NumPy's BLAS wakes no thread: on a busy machine that takes
            # a thousand times as long as the product.
            logits = np.vecdot(embeddings[:, None], self._weight)
        if self._normalizes:
            logits /= lengths
        if self._bias is not None:
            logits += self._bias
        return logits

    def scope_score(self, energy: float, score: float) -> float:
        """How much an utterance is at home with the agent, between 0 and 1.

        Args:
            energy: The logsumexp of its logits.
            score: Its highest probability, which an agent that was not calibrated goes by.
        """
        location, spread = self.config.calibration.scope_location, self.config.calibration.scope_spread
        if location is None or spread is None:
            return score
        # `bottleneck.scope_scores`; its sigmoid as a hyperbolic tangent, which nothing can overflow.
        return 0.5 + 0.5 * math.tanh((energy - location) / (2 * spread))


class AgentRows(NamedTuple):
    """An agent and the rows that it is to answer.

    Attributes:
        name: The name that the predictions carry.
        head: Of the agent.
        rows: Indices of embeddings that its bottlenecks produced.
    """

    name: str
    head: AgentHead
    rows: Sequence[int]


def predictions(
    by_agent: Sequence[AgentRows], embeddings: Floats, top_k: int, thresholds: Sequence[float | None]
) -> Iterator[tuple[int, Prediction]]:
    """What agents say to some utterances.

    Between two passes of an encoder the processor's caches hold nothing of this code, so that the first of everything
    costs several times what it does in a loop: the rows of all agents go through each operation together.

    Args:
        by_agent: The agents, each with rows of its own.
        embeddings: (rows, dimensions) sentence embeddings.
        top_k: How many intents each prediction lists, at most.
        thresholds: Of each row, the scope score below which it is out of scope; `None` takes its agent's own.

    Yields:
        Each row and its prediction.
    """
    logits = _logits(by_agent, embeddings)
    highest = np.maximum.reduce(logits, axis=1, keepdims=True)
    powers = np.exp(logits - highest)
    total = np.add.reduce(powers, axis=1, keepdims=True)
    # Each of the first places gets what a sort would put there.
    best = np.argpartition(-logits, range(min(top_k, logits.shape[1])), axis=1)[:, :top_k]
    probabilities = powers[np.arange(len(powers))[:, None], best] / total
    energies = highest + np.log(total)
    found = zip(energies[:, 0].tolist(), probabilities.tolist(), best.tolist(), strict=True)
    for name, head, rows in by_agent:
        own_limit = head.config.calibration.threshold
        # An agent with fewer labels than `top_k` ranks those of others, which it has not, last.
        for row, (energy, row_scores, row_indices) in zip(rows, found, strict=False):
            labels = [head.labels[index] for index in row_indices[: len(head.labels)]]
            score = row_scores[0]
            scope_score = head.scope_score(energy, score)
            limit = own_limit if thresholds[row] is None else thresholds[row]
            in_scope = (limit is None or scope_score >= limit) and labels[0] not in head.catch_all
            top = tuple(zip(labels, row_scores, strict=False))
            yield row, Prediction(name, labels[0], score, top, in_scope, scope_score, limit, head.version)


def _logits(by_agent: Sequence[AgentRows], vectors: Floats) -> Floats:
    """The logits of all rows, agent by agent; where an agent has fewer labels than others, minus infinity."""
    if len(by_agent) > 1:
        vectors = vectors[[row for _, _, rows in by_agent for row in rows]]
    lengths = np.sqrt(np.add.reduce(vectors * vectors, axis=1, keepdims=True) + SMALLEST_SQUARE)
    if len(by_agent) == 1:
        return by_agent[0].head.logits(vectors, lengths)
    logits: Floats = np.full((len(vectors), max(len(head.labels) for _, head, _ in by_agent)), -np.inf, np.float32)
    start = 0
    for _, head, own in by_agent:
        stop = start + len(own)
        logits[start:stop, : len(head.labels)] = head.logits(vectors[start:stop], lengths[start:stop])
        start = stop
    return logits
