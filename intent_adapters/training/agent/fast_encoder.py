"""A sentence encoder as training runs it: without padding, and its frozen weights in bfloat16 where that is fast.

An agent's utterances are short and of different lengths, so padding is a third of a batch; and four fifths of the time
go into products with weights that never change.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from torch.nn import functional as F

from intent_adapters.architectures import architecture_of
from intent_adapters.artifacts.encoder import encoder_of
from intent_adapters.runtime.tokens import Tokenizer
from intent_adapters.training.agent.embedder import Embedder
from intent_adapters.training.bfloat16 import multiplies_bfloat16

# The least length of a row that texts share: attention costs the square of it, gaps are fewer in long ones.
ROW_LENGTH = 64
PROBES = ["a", "where is my card?", "예약을 취소하고 싶어요", "I would like to know what it costs before I come in"]
TOLERANCE = 1e-4
# Smaller products cost little as they are.
FEWEST_WEIGHTS = 2**14


class TrainingEmbedder(Embedder):
    """An `Embedder` whose `forward_trained` is made for training; `embed` stays that of serving."""

    def __init__(self, model: SentenceTransformer, tokenize: Tokenizer) -> None:
        super().__init__(model, tokenize)
        self._first_position = _first_position(model, tokenize)
        on_cpu = model.device.type == "cpu"
        frozen = _frozen_products(model) if on_cpu and multiplies_bfloat16(model.device) else []
        self._frozen = [(linear, linear.weight.detach().to(torch.bfloat16)) for linear in frozen]

    def forward_trained(self, features: dict[str, Tensor]) -> Tensor:
        """The sentence embeddings (texts, dim) of one batch of tokens, padded on the right, for a backward pass."""
        with self._in_bfloat16():
            if self._first_position is None:
                return self.forward(features)
            return packed_embeddings(self.model, features, self._first_position)

    @contextmanager
    def _in_bfloat16(self) -> Iterator[None]:
        for linear, weight in self._frozen:
            linear.forward = partial(_Product.apply, weight=weight, bias=linear.bias)  # type: ignore[method-assign]
        try:
            yield
        finally:
            for linear, _ in self._frozen:
                del linear.forward


def packed_embeddings(model: SentenceTransformer, features: dict[str, Tensor], first_position: int) -> Tensor:
    """What `model(features)` gives, (texts, dim), with several texts in a row instead of one and its padding.

    A text's tokens attend to their own text alone, and their positions begin anew, at `first_position`, with each
    text: for a family whose encoder takes `position_ids` and a mask of attention between tokens. The features are
    (texts, tokens) each, padded on the right.
    """
    features = {name: value.to(model.device) for name, value in features.items()}
    mask = features.pop("attention_mask")
    rows, starts, length = pack(mask.sum(dim=1).tolist())
    text, token = torch.nonzero(mask, as_tuple=True)
    place = (mask.new_tensor(rows) * length + mask.new_tensor(starts))[text] + token
    shape = max(rows) + 1, length

    def spread(values: Tensor, gap: int) -> Tensor:
        return values.new_full((shape[0] * shape[1],), gap).index_put((place,), values).view(shape)

    owner = spread(text, -1)
    others = owner[:, None, :, None] != owner[:, None, None, :]
    encoder = encoder_of(model)
    hidden = encoder(
        **{name: spread(value[text, token], 0) for name, value in features.items() if value.shape == mask.shape},
        position_ids=spread(token + first_position, first_position),
        attention_mask=torch.zeros(others.shape, device=mask.device, dtype=encoder.dtype).masked_fill(
            others, torch.finfo(encoder.dtype).min
        ),
    ).last_hidden_state.flatten(0, 1)
    state: dict[str, Any] = {
        "token_embeddings": hidden.new_zeros(*mask.shape, hidden.shape[-1]).index_put((text, token), hidden[place]),
        "attention_mask": mask,
    }
    for module in list(model)[1:]:
        state = module(state)
    embeddings: Tensor = state["sentence_embedding"]
    return embeddings


def pack(lengths: list[int]) -> tuple[list[int], list[int], int]:
    """Where to put texts of these lengths so that few rows hold them: longest first, where the least room is left.

    Gives the row of each text, its first place in that row, and how long the rows are.
    """
    limit = max(ROW_LENGTH, *lengths)
    rows, starts, filled = [0] * len(lengths), [0] * len(lengths), list[int]()
    for text in sorted(range(len(lengths)), key=lambda text: -lengths[text]):
        fits = [row for row, used in enumerate(filled) if used + lengths[text] <= limit]
        row = max(fits, key=filled.__getitem__, default=len(filled))
        if row == len(filled):
            filled.append(0)
        rows[text], starts[text] = row, filled[row]
        filled[row] += lengths[text]
    return rows, starts, max(filled)


class _Product(torch.autograd.Function):
    """An affine map with frozen weights, multiplied in bfloat16 and added up in float32, forward and backward."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(weight)
        product = F.linear(values.to(weight.dtype), weight).to(values.dtype)
        return product if bias is None else product + bias

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (weight,) = ctx.saved_tensors
        return (gradient.to(weight.dtype) @ weight).to(gradient.dtype), None, None


def _frozen_products(model: SentenceTransformer) -> list[nn.Linear]:
    return [
        module
        for module in encoder_of(model).modules()
        if type(module) is nn.Linear
        and not module.weight.requires_grad
        and module.weight.numel() >= FEWEST_WEIGHTS
        and module.weight.dtype == torch.float32
        and (module.bias is None or not module.bias.requires_grad)
    ]


def _first_position(model: SentenceTransformer, tokenize: Tokenizer) -> int | None:
    """Where an encoder that can be packed begins to count; None for one that cannot, or gives anything else then."""
    encoder = encoder_of(model)
    architecture = architecture_of(encoder)
    if architecture is None or architecture.graph is None:
        return None
    if "position_ids" not in inspect.signature(encoder.forward).parameters:
        return None
    first = int(encoder.config.pad_token_id) + 1 if architecture.graph.counts_from_padding else 0
    features = tokenize(PROBES).batch(range(len(PROBES)))
    with torch.no_grad():
        plain = model({name: value.to(model.device) for name, value in features.items()})["sentence_embedding"]
        same = torch.allclose(packed_embeddings(model, features, first), plain, rtol=0, atol=TOLERANCE)
    return first if same else None
