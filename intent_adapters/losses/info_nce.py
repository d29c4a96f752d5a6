"""InfoNCE over pairs of texts that share their meaning: the loss of stage 1."""

from __future__ import annotations

from typing import Any, Literal

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.losses import (
    CachedMultipleNegativesRankingLoss,
    MultipleNegativesRankingLoss,
)
from torch import Tensor

from intent_adapters.inputs import check_number
from intent_adapters.losses.precision import at_least_float32

Direction = Literal["query_to_doc", "query_to_query", "doc_to_query", "doc_to_doc"]


class InfoNCELoss(MultipleNegativesRankingLoss):
    """In-batch InfoNCE on cosine similarities.

    With h the sentence embeddings, h_j+ those of the positives, sim the cosine and t the temperature:

        L = - log  exp(sim(h_i, h_i+) / t) / sum_j exp(sim(h_i, h_j+) / t)

    This is `MultipleNegativesRankingLoss` of sentence-transformers with `scale = 1 / t`, computed in float32 under
    autocast too; the arithmetic, the gathering over devices and hard negatives (further columns) are its own.

    Args:
        model: The `SentenceTransformer` to train.
        temperature: The temperature t, above 0.
        symmetric: Average with the loss in the other direction, which finds h_i among all h_j given h_i+.
        gather_across_devices: Take the positives of all devices as negatives, not only those of this one.

    References:
        - Representation Learning with Contrastive Predictive Coding: https://arxiv.org/abs/1807.03748

    Requirements:
        1. Pairs (anchor, positive), or pairs with hard negatives after them.
        2. No text twice in a batch, and no two pairs of one meaning: they would be negatives of each other.

    Raises:
        ConfigError: `temperature` is out of range.

    Example:
        ::

            loss = InfoNCELoss(model, temperature=0.05)
            trainer = SentenceTransformerTrainer(model=model, train_dataset=pairs, loss=loss)
    """

    def __init__(
        self,
        model: SentenceTransformer,
        temperature: float = 0.05,
        symmetric: bool = False,
        gather_across_devices: bool = False,
    ) -> None:
        super().__init__(
            model,
            scale=_scale(temperature),
            gather_across_devices=gather_across_devices,
            directions=_directions(symmetric),
            partition_mode="per_direction",
        )

    def compute_loss_from_embeddings(self, embeddings: list[Tensor], labels: Tensor | None = None) -> Tensor:
        """The loss from the embeddings of each column (B, D), in float32 or better; `labels` are not used."""
        with torch.autocast(embeddings[0].device.type, enabled=False):
            columns = list(map(at_least_float32, embeddings))
            loss: Tensor = super().compute_loss_from_embeddings(columns, labels)  # type: ignore[arg-type]
        return loss

    def get_config_dict(self) -> dict[str, Any]:
        """The settings, for the model card."""
        return _settings(self)


class CachedInfoNCELoss(CachedMultipleNegativesRankingLoss):
    """`InfoNCELoss` for batches that do not fit into memory, by gradient caching (Gao et al., 2021).

    This is `CachedMultipleNegativesRankingLoss` of sentence-transformers with `scale = 1 / t`. The batch is embedded
    in slices, twice; memory depends on the slice alone, and loss and gradients are those of the whole batch.

    Args:
        model: The `SentenceTransformer` to train.
        temperature: The temperature t, above 0.
        symmetric: Average with the loss in the other direction.
        mini_batch_size: Rows of a slice.
        gather_across_devices: Take the positives of all devices as negatives, not only those of this one.

    References:
        - Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup: https://arxiv.org/abs/2101.06983

    Raises:
        ConfigError: `temperature` is out of range.
    """

    def __init__(
        self,
        model: SentenceTransformer,
        temperature: float = 0.05,
        symmetric: bool = False,
        mini_batch_size: int = 32,
        gather_across_devices: bool = False,
    ) -> None:
        super().__init__(
            model,
            scale=_scale(temperature),
            mini_batch_size=mini_batch_size,
            gather_across_devices=gather_across_devices,
            directions=_directions(symmetric),
            partition_mode="per_direction",
        )

    def calculate_loss(self, reps: list[list[Tensor]], *args: Any, **kwargs: Any) -> Tensor:
        """The loss from the embeddings of each slice of each column (slice, D), in float32 or better."""
        with torch.autocast(reps[0][0].device.type, enabled=False):
            columns = [list(map(at_least_float32, column)) for column in reps]
            loss: Tensor = super().calculate_loss(columns, *args, **kwargs)
        return loss

    def get_config_dict(self) -> dict[str, Any]:
        """The settings, for the model card."""
        return {**_settings(self), "mini_batch_size": self.mini_batch_size}


def _scale(temperature: float) -> float:
    return 1.0 / check_number("temperature", temperature, 0, above=True)


def _directions(symmetric: bool) -> tuple[Direction, ...]:
    return ("query_to_doc", "doc_to_query") if symmetric else ("query_to_doc",)


def _settings(loss: InfoNCELoss | CachedInfoNCELoss) -> dict[str, Any]:
    return {
        "temperature": loss.temperature,
        "symmetric": "doc_to_query" in loss.directions,
        "gather_across_devices": loss.gather_across_devices,
    }
