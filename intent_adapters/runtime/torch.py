"""Embeddings and probabilities for any mix of agents, in PyTorch."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor

from intent_adapters.base import encoder_of, structural_copy
from intent_adapters.runtime.adapter import Adapter
from intent_adapters.runtime.resident import Resident
from intent_adapters.runtime.routing import Router


class TorchRuntime:
    """Runs the base once over rows of many agents.

    Safe to call from several threads: routes are per thread, tokenising is serialised (a fast tokenizer cannot be
    shared), and an adapter never changes once it is resident.

    Args:
        base: The sentence encoder; it is not touched, a structural copy of it is.
    """

    def __init__(self, base: SentenceTransformer) -> None:
        self._model = structural_copy(base).eval()
        self._encoder = encoder_of(self._model)
        self._router = Router(self._encoder)
        self._lock = threading.Lock()

    def admit(self, adapter: Adapter) -> Resident:
        """Check an adapter against the base and lay its tensors out for it.

        Args:
            adapter: What was read or trained.

        Returns:
            The adapter, ready for `embed`.

        Raises:
            AdapterError: It does not fit the base.
        """
        resident = Resident(adapter, self._encoder)
        with self._lock:
            self._router.prepare(resident)
        return resident

    @torch.inference_mode()
    def embed(self, texts: Sequence[str], residents: Sequence[Resident | None], batch_size: int) -> Tensor:
        """Sentence embeddings, each row through its own adapter.

        Args:
            texts: The texts, prompts of the agents not yet put before them.
            residents: One per text; `None` for the bare base.
            batch_size: Rows in one pass of the encoder, at most.

        Returns:
            (len(texts), dimensions), in the order of `texts`, on the device of the base.
        """
        prompted = [
            (resident.config.prompt or "") + text if resident else text
            for text, resident in zip(texts, residents, strict=True)
        ]
        embeddings: list[Tensor] = []
        order: list[int] = []
        for rows in _batches(prompted, residents, batch_size):
            with self._lock:
                features = self._model.preprocess([prompted[row] for row in rows])
            features = {k: v.to(self._encoder.device) if isinstance(v, Tensor) else v for k, v in features.items()}
            with self._router.route(_slices([residents[row] for row in rows])):
                embeddings.append(self._model(features)["sentence_embedding"])
            order.extend(rows)
        together = torch.cat(embeddings)
        return together[torch.argsort(torch.tensor(order, device=together.device))]


def _batches(texts: Sequence[str], residents: Sequence[Resident | None], batch_size: int) -> Iterator[list[int]]:
    """Cut the rows into batches of similar length (little padding), each sorted by agent (contiguous slices)."""
    ranks = {resident: rank for rank, resident in enumerate(dict.fromkeys(residents))}
    by_length = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    for start in range(0, len(by_length), batch_size):
        yield sorted(by_length[start : start + batch_size], key=lambda row: ranks[residents[row]])


def _slices(residents: Sequence[Resident | None]) -> list[tuple[slice, Resident]]:
    """The runs of equal adapters in rows sorted by adapter."""
    slices: list[tuple[slice, Resident]] = []
    start = 0
    for row in range(1, len(residents) + 1):
        if row == len(residents) or residents[row] is not residents[start]:
            resident = residents[start]
            if resident is not None and resident.sites:
                slices.append((slice(start, row), resident))
            start = row
    return slices
