"""A base in memory: the transformers model inside it, and copies that share its weights."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from intent_adapters.architectures import find_encoder
from intent_adapters.errors import BaseError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from transformers import PreTrainedModel


def encoder_of(model: SentenceTransformer) -> PreTrainedModel:
    """The transformers model inside a sentence-transformers model.

    Raises:
        BaseError: The first module is no Transformer.
    """
    encoder = find_encoder(model)
    if encoder is None:
        raise BaseError(f"The base must start with a Transformer module, not with {type(model[0]).__name__}.")
    return encoder


def structural_copy(model: SentenceTransformer) -> SentenceTransformer:
    """Copy the module tree, share every tensor: milliseconds and kilobytes instead of a second base.

    The copy can be given adapters, hooks or another mode, or be moved to another device, without any trace on the
    original. Its parameters are frozen views of the original's storage: train what is added to it, never them.
    """
    from torch import nn

    memo: dict[int, Any] = {id(p): nn.Parameter(p.detach(), requires_grad=False) for p in model.parameters()}
    memo |= {id(b): b for b in model.buffers()}
    return copy.deepcopy(model, memo)
