"""Sentence embeddings for any mix of agents, in ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.bottleneck.sites import site_shapes
from intent_adapters.errors import AdapterError, ConfigError
from intent_adapters.runtime.onnx.run.base import OnnxBase
from intent_adapters.runtime.onnx.run.planning import Run, runs
from intent_adapters.runtime.onnx.run.session import OnnxSession
from intent_adapters.runtime.onnx.run.shared_threads import SharedThreads
from intent_adapters.runtime.resident import Resident, ResidentFactory
from intent_adapters.runtime.tokens import TokenRows


class OnnxRuntime:
    """Runs an exported base over rows of many agents. Safe to call from several threads.

    Args:
        base: The exported base.
        adapter_dtype: In which adapters are held: `"float32"`, or `"float16"` for half the memory.
    """

    def __init__(self, base: OnnxBase, *, adapter_dtype: str = "float32") -> None:
        self._base = base
        self._sites = {site.path: site for site in base.description.sites}
        self._threads = SharedThreads(base.threads)
        self._factory = ResidentFactory(base.encoder, torch.device("cpu"), adapter_dtype)

    def admit(self, adapter: Adapter) -> Resident:
        """See `Runtime`; the graph must have the sites and the non-linearity that the adapter needs."""
        self._check_exported(adapter)
        return self._factory.admit(adapter)

    def embed(self, texts: Sequence[str], residents: Sequence[Resident | None], batch_size: int) -> Tensor:
        """See `Runtime`."""
        base = self._base
        tokens = base.tokenize(list(texts))
        planned = runs(tokens.lengths, residents, batch_size, base.threads)
        if len(texts) == 1:
            return torch.from_numpy(self._run(base.session, tokens, planned[0]))
        embeddings = np.empty((len(texts), base.description.dimension), np.float32)
        session = base.session if len(planned) == 1 else base.one_thread

        def work(run: Run) -> None:
            embeddings[run.rows] = self._run(session, tokens, run)

        self._threads.each(work, planned)
        return torch.from_numpy(embeddings)

    def _run(self, session: OnnxSession, tokens: TokenRows, run: Run) -> NDArray[np.float32]:
        feeds, memory = self._base.feeds.of(run.adapters)
        embeddings = session.run(tokens.arrays(run.rows), self._base.description.dimension, feeds)
        del memory  # to which the feeds were copied
        return embeddings

    def _check_exported(self, adapter: Adapter) -> None:
        """See whether the graph has all sites of an adapter, and its non-linearity."""
        config = adapter.config
        try:
            shapes = site_shapes(self._base.encoder, config)
        except ConfigError as error:
            raise AdapterError(f"The adapter's config does not fit this base: {error}") from error
        description = self._base.description
        missing = [
            path for path, shape in shapes.items() if not (site := self._sites.get(path)) or not site.fits(shape)
        ]
        if not missing and (not shapes or config.non_linearity == description.non_linearity):
            return
        what = f"bottlenecks at {missing[0]!r}" if missing else f"the non-linearity {config.non_linearity!r}"
        sites = config.sites if config.target_modules is None else "those of its `target_modules`"
        raise AdapterError(
            f"The base was exported to ONNX without {what}, which the adapter has. Export the base for such adapters "
            f"(intent-adapters export BASE FOLDER --sites {sites} --non-linearity {config.non_linearity}), or use "
            'backend="torch".'
        )
