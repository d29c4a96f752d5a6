"""From texts and the names of agents to embeddings and answers: what every way of running the base has in common."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from typing import Protocol

import torch
from torch import Tensor

from intent_adapters.prediction import Prediction
from intent_adapters.runtime.adapter import Adapter
from intent_adapters.runtime.head import Asked, predictions
from intent_adapters.runtime.resident import Resident
from intent_adapters.runtime.store import AdapterStore


class Runtime(Protocol):
    """A way of running the base."""

    def admit(self, adapter: Adapter) -> Resident:
        """Check an adapter against the base and make it resident; raises AdapterError if it does not fit."""
        ...

    def embed(self, texts: Sequence[str], residents: Sequence[Resident | None], batch_size: int) -> Tensor:
        """Embeddings (texts, dimensions), float32 on the CPU, each row through its adapter (`None`: the bare base)."""
        ...


def answer(
    runtime: Runtime,
    store: AdapterStore,
    texts: Sequence[str],
    names: Sequence[str],
    top_k: int,
    threshold: float | None,
    batch_size: int,
) -> list[Prediction]:
    """What each text's agent says to it.

    Raises:
        AgentError: There is no such agent.
        AdapterError: An agent cannot be loaded.
    """
    answers: dict[int, Prediction] = {}
    agents = list(dict.fromkeys(names))
    with closing(_shares(store, names, agents)) as shares:
        for rows, residents in shares:
            embeddings = runtime.embed([texts[row] for row in rows], residents, batch_size)
            places: dict[Resident | None, list[int]] = {}
            for place, resident in enumerate(residents):
                places.setdefault(resident, []).append(place)
            asked = [Asked(names[rows[own[0]]], resident.head, own) for resident, own in places.items() if resident]
            for place, prediction in predictions(asked, embeddings, top_k, threshold):
                answers[rows[place]] = prediction
    return [answers[row] for row in range(len(texts))]


def embed(
    runtime: Runtime, store: AdapterStore, texts: Sequence[str], names: Sequence[str | None], batch_size: int
) -> Tensor:
    """The embedding of each text by its agent, or by the bare base where the name is `None`.

    Returns:
        (texts, dimensions), float32 on the CPU; there is at least one text.

    Raises:
        AgentError: There is no such agent.
        AdapterError: An agent cannot be loaded.
    """
    parts: list[Tensor] = []
    order: list[int] = []
    agents = [name for name in dict.fromkeys(names) if name is not None]
    with closing(_shares(store, names, agents)) as shares:
        for rows, residents in shares:
            parts.append(runtime.embed([texts[row] for row in rows], residents, batch_size))
            order += rows
    embeddings = parts[0].new_empty(len(texts), parts[0].shape[1])
    embeddings[order] = torch.cat(parts)
    return embeddings


def _shares(
    store: AdapterStore, names: Sequence[str | None], agents: Sequence[str]
) -> Generator[tuple[Sequence[int], list[Resident | None]]]:
    """Rows whose agents are in memory at the same time, and those agents: all rows, unless the budget is small."""
    versions = dict(zip(agents, store.find(agents), strict=True))
    if not versions:
        yield range(len(names)), [None] * len(names)
        return
    found: dict[str | None, Resident | None] = {None: None}
    with closing(store.leases(versions.values())) as groups:
        for held in groups:
            found |= {name: held[version] for name, version in versions.items() if version in held}
            rows = [row for row, name in enumerate(names) if name in found]
            yield rows, [found[names[row]] for row in rows]
            found = {}
