"""Sentence embeddings for any mix of agents, in PyTorch."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn

from intent_adapters.adapter_config.sites import SiteShape
from intent_adapters.architectures import architecture_of
from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.artifacts.encoder import encoder_of, structural_copy
from intent_adapters.bottleneck.sites import embedding_dim, site_shapes
from intent_adapters.errors import AdapterError, BaseError
from intent_adapters.runtime.batching import batches, blocks
from intent_adapters.runtime.resident import Resident, ResidentFactory
from intent_adapters.runtime.routing import Router
from intent_adapters.runtime.token_states import TokenStates
from intent_adapters.runtime.tokens import FastTokenizer, PaddedTokens, Tokenizer, TokenRows, tokenizer_for
from intent_adapters.surroundings import own_settings


class TorchRuntime:
    """Runs the base once over rows of many agents.

    Safe to call from several threads: routes are per thread, and an adapter never changes while it is resident.

    Args:
        base: The sentence encoder; it is not touched, a structural copy of it is. When its `max_seq_length` is set
            anew, texts are cut there from the next call on.
        dtype: In which the encoder computes: `"float32"`, or `"bfloat16"` for CPUs and GPUs that multiply in it. Its
            weights are then held a second time, in bfloat16; pooling and heads stay in float32.
        adapter_dtype: In which adapters are held: `"float32"`, or `"float16"` for half the memory.

    Raises:
        BaseError: The base cuts its embeddings short, which adapters are not made for.
    """

    @own_settings(gradients=True)
    def __init__(
        self,
        base: SentenceTransformer,
        *,
        dtype: str = "float32",
        adapter_dtype: str = "float32",
    ) -> None:
        if base.truncate_dim is not None:
            raise BaseError(
                f"The base has truncate_dim={base.truncate_dim}, but agents are trained and run on whole embeddings: "
                "load it without truncate_dim."
            )
        self._model = structural_copy(base).eval()
        self._encoder = encoder_of(self._model)
        self._device = self._encoder.device
        if dtype == "bfloat16":
            self._encoder.bfloat16()
        self._base = base
        self._length, self._tokenize = base.max_seq_length, tokenizer_for(self._model)
        self._factory = ResidentFactory(self._sites_of, self._place, adapter_dtype)
        self._router = Router(self._encoder)
        self._lock = threading.Lock()
        self._watched: set[int] = set()
        self._states: ContextVar[dict[int, Tensor] | None] = ContextVar("states", default=None)

    def admit(self, adapter: Adapter) -> Resident:
        """See `Runtime`."""
        resident = self._factory.admit(adapter)
        if resident.tagger:
            self.keep_states(resident.tagger.layer)
        if resident.bottlenecks is not None:
            with self._lock:
                self._router.prepare(resident.bottlenecks.layout)
        return resident

    def keep_states(self, layer: int) -> None:
        """See `Runtime`."""
        known = architecture_of(self._encoder)
        names = [] if known is None else list(known.layer_names(int(self._encoder.config.num_hidden_layers)))
        if layer > len(names):
            raise AdapterError(
                f"The adapter's tagger reads the states behind layer {layer}, which this base does not have."
            )
        if not isinstance(self._tokenizer(), FastTokenizer):
            raise AdapterError("The adapter has a tagger, which needs a base with a fast tokenizer.")

        def keep(_: nn.Module, args: Any, output: Any) -> None:
            if (kept := self._states.get()) is not None:
                kept[layer] = output[0] if isinstance(output, tuple) else output

        with self._lock:
            if layer not in self._watched:
                self._encoder.get_submodule(names[layer - 1].removesuffix(".")).register_forward_hook(keep)
                self._watched.add(layer)

    @contextmanager
    def _kept(self) -> Iterator[dict[int, Tensor]]:
        """Where the passes of the block, in this thread, leave states."""
        kept: dict[int, Tensor] = {}
        token = self._states.set(kept)
        try:
            yield kept
        finally:
            self._states.reset(token)

    def _sites_of(self, adapter: Adapter) -> tuple[Mapping[str, SiteShape], int]:
        return site_shapes(self._encoder, adapter.config), embedding_dim(self._encoder, adapter.config)

    def _place(self, values: NDArray[Any]) -> Tensor:
        with own_settings(gradients=True):  # what is made in inference mode could not be used outside of it
            return torch.from_numpy(values).to(self._device)

    def embed(
        self,
        texts: Sequence[str],
        residents: Sequence[Resident | None],
        batch_size: int,
        states: TokenStates | None = None,
    ) -> NDArray[np.float32]:
        """See `Runtime`."""
        embeddings: list[Tensor] = []
        order: list[int] = []
        with own_settings(gradients=False):
            tokenize = self._tokenizer()
            tokens: TokenRows | PaddedTokens
            if states and isinstance(tokenize, FastTokenizer):
                tokens = placed = tokenize(list(texts), offsets=True)
                states.offsets.extend(placed.offsets)
            else:
                tokens = tokenize(list(texts))
            for rows in batches(tokens.lengths, residents, batch_size):
                features = tokens.batch(rows)
                with self._router.route(blocks([residents[row] for row in rows])), self._kept() as kept:
                    embeddings.append(self._pass(features).cpu())
                if states:
                    mask = features["attention_mask"].numpy()
                    for layer in states.of(rows):
                        states.keep(rows, layer, kept[layer].float().cpu().numpy(), mask)
                order += rows
            together = torch.cat(embeddings)
            ordered = torch.empty_like(together)
            ordered[torch.tensor(order)] = together
            return ordered.numpy()

    def token_lengths(self, texts: Sequence[str]) -> list[int]:
        """See `Runtime`."""
        return self._tokenizer()(list(texts)).lengths

    def _tokenizer(self) -> Tokenizer:
        """The base's, which cuts where the base cuts by now."""
        if self._base.max_seq_length != self._length:
            with self._lock:
                self._model.max_seq_length = self._base.max_seq_length
                self._tokenize = tokenizer_for(self._model)
                self._length = self._base.max_seq_length
        return self._tokenize

    def _pass(self, features: dict[str, Tensor]) -> Tensor:
        state = {name: value.to(self._device) for name, value in features.items()}
        for position, module in enumerate(self._model):
            state = module(state)
            if position == 0:
                state["token_embeddings"] = state["token_embeddings"].float()
        return state["sentence_embedding"]
