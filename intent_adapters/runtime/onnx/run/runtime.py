"""Sentence embeddings for any mix of agents, in ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from intent_adapters.adapter_config.sites import SiteShape
from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.errors import AdapterError
from intent_adapters.runtime.onnx.run.base import OnnxBase
from intent_adapters.runtime.onnx.run.description import MASK
from intent_adapters.runtime.onnx.run.planning import Run, runs
from intent_adapters.runtime.onnx.run.session import OnnxSession
from intent_adapters.runtime.onnx.run.shared_threads import SharedThreads
from intent_adapters.runtime.resident import Resident, ResidentFactory
from intent_adapters.runtime.token_states import TokenStates
from intent_adapters.runtime.tokens import TokenRows


class OnnxRuntime:
    """Runs an exported base over rows of many agents. Safe to call from several threads.

    Args:
        base: The exported base.
        adapter_dtype: In which adapters are held: `"float32"`, or `"float16"` for half the memory.
    """

    def __init__(self, base: OnnxBase, *, adapter_dtype: str = "float32") -> None:
        self._base = base
        self._threads = SharedThreads(base.threads)
        self._factory = ResidentFactory(self._sites_of, dtype=adapter_dtype)

    def admit(self, adapter: Adapter) -> Resident:
        """See `Runtime`; the graph must have the sites and the non-linearity that the adapter needs."""
        if adapter.config.tagger:
            self.keep_states(adapter.config.tagger.layer)
        return self._factory.admit(adapter)

    def embed(
        self,
        texts: Sequence[str],
        residents: Sequence[Resident | None],
        batch_size: int,
        states: TokenStates | None = None,
    ) -> NDArray[np.float32]:
        """See `Runtime`."""
        base = self._base
        tokens = base.tokenize(list(texts), offsets=states is not None)
        if states:
            states.offsets.extend(tokens.offsets)
        planned = runs(tokens.lengths, residents, batch_size, base.threads)
        if len(texts) == 1:
            return self._run(base.session, tokens, planned[0], states)
        embeddings = np.empty((len(texts), base.description.dimension), np.float32)
        session = base.session if len(planned) == 1 else base.one_thread

        def work(run: Run) -> None:
            embeddings[run.rows] = self._run(session, tokens, run, states)

        self._threads.each(work, planned)
        return embeddings

    def keep_states(self, layer: int) -> None:
        """See `Runtime`."""
        given = self._base.description.token_layer
        if layer != given:
            raise AdapterError(
                f"The adapter's tagger reads the states behind layer {layer}, and the graph of the base gives "
                f"{f'those behind layer {given}' if given else 'none'}: export the base again with this version of "
                "intent-adapters."
            )

    def token_lengths(self, texts: Sequence[str]) -> list[int]:
        """See `Runtime`."""
        return self._base.tokenize(list(texts)).lengths

    def _sites_of(self, adapter: Adapter) -> tuple[Mapping[str, SiteShape], int]:
        base = self._base
        sites = base.sites.of(adapter, base.description.non_linearity)
        return sites, adapter.config.embedding_dim or base.sites.width

    def _run(
        self, session: OnnxSession, tokens: TokenRows, run: Run, states: TokenStates | None
    ) -> NDArray[np.float32]:
        base = self._base
        feeds, memory = base.feeds.of(run.adapters)
        batch = tokens.arrays(run.rows)
        kept = None
        if states and states.of(run.rows):
            kept = np.empty((*batch[MASK].shape, base.sites.width), np.float32)
        second = None if kept is None else (base.description.token_states, kept)
        embeddings = session.run(batch, base.description.dimension, feeds, second)
        if states and kept is not None:
            states.keep(run.rows, base.description.token_layer, kept, batch[MASK])
        del memory  # to which the feeds were copied
        return embeddings
