"""What the distillation losses need of a teacher: frozen, outside the student's parameters, fed the same tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from torch.nn import functional as F

from intent_adapters.errors import ConfigError
from intent_adapters.losses.distillation.attention import unwrap

Features = dict[str, Any]


class FrozenTeacher:
    """A teacher model in eval mode, without gradients, on the student's device.

    It is deliberately no `nn.Module`: inside a loss it would otherwise be put into train mode, be optimised, be
    wrapped for several devices and be saved with the loss.

    Args:
        model: The teacher. It is frozen in place.
        student: The student, for the check that both read the same tokens.

    Raises:
        ConfigError: The tokenizers differ.
    """

    def __init__(self, model: SentenceTransformer, student: nn.Module) -> None:
        check_same_tokenizer(model, student)
        self.model = model.eval().requires_grad_(False)

    def __call__(self, features: Features) -> Tensor:
        """The teacher's sentence embeddings (B, D) of tokenised texts."""
        device = features["input_ids"].device
        if next(self.model.parameters()).device != device:
            self.model.to(device)
        with torch.no_grad():
            embeddings: Tensor = self.model(dict(features))["sentence_embedding"]
        return embeddings


def check_same_tokenizer(teacher: nn.Module, student: nn.Module) -> None:
    """Refuses a teacher that would read the student's token ids as something else.

    Raises:
        ConfigError: The vocabularies or the special tokens differ.
    """
    ours: Any = unwrap(student).tokenizer
    theirs: Any = unwrap(teacher).tokenizer
    if ours is theirs:
        return
    vocabulary, other = ours.get_vocab(), theirs.get_vocab()
    if vocabulary != other:
        example = next(iter(set(vocabulary.items()) ^ set(other.items())))
        raise ConfigError(
            "teacher and student must share a tokenizer, because the teacher reads the student's token ids, but their "
            f"vocabularies differ ({len(other)} and {len(vocabulary)} tokens, for example {example!r}): use a teacher "
            "with the student's tokenizer, or precompute the teacher's embeddings and pass them as labels"
        )
    if ours.all_special_ids != theirs.all_special_ids:
        raise ConfigError(
            "teacher and student must share a tokenizer, but their special tokens differ: "
            f"{theirs.all_special_tokens} and {ours.all_special_tokens}"
        )


def merge_columns(columns: Sequence[Features], pad_token_id: int) -> Features:
    """The tokenised texts of several columns as one batch, so that each model runs once.

    Args:
        columns: `input_ids`, `attention_mask` and perhaps `token_type_ids` (B, L) of each column.
        pad_token_id: What fills the ids of shorter columns; their mask is filled with 0.

    Returns:
        The same keys, of shape (columns x B, longest L), the rows of the first column first.
    """
    if len(columns) == 1:
        return dict(columns[0])
    length = max(column["input_ids"].shape[1] for column in columns)
    keys = [key for key in ("input_ids", "attention_mask", "token_type_ids") if key in columns[0]]
    fill = {"input_ids": pad_token_id}
    return {
        key: torch.cat([F.pad(c[key], (0, length - c[key].shape[1]), value=fill.get(key, 0)) for c in columns])
        for key in keys
    }


def embeddings_in_labels(labels: Tensor, columns: int) -> list[Tensor]:
    """Teacher embeddings from a label column, one tensor per text column.

    Args:
        labels: (B, D), the teacher's embedding of the first column, taken for every column; or (B, columns, D).
        columns: How many text columns the batch has.

    Raises:
        ConfigError: Any other shape.
    """
    if labels.dim() == 2:
        return [labels] * columns
    if labels.dim() == 3 and labels.shape[1] == columns:
        return list(labels.unbind(1))
    raise ConfigError(
        f"precomputed teacher embeddings must have shape (rows, dim) or (rows, {columns}, dim), one per text column, "
        f"but the labels have shape {tuple(labels.shape)}"
    )
