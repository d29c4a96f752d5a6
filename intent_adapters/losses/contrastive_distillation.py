"""Contrastive distillation loss of stage 2: the teacher's anchors against the student's positives."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from torch import Tensor, nn

from intent_adapters.errors import ConfigError, DataError
from intent_adapters.losses.checks import check_number
from intent_adapters.losses.projection import Projection
from intent_adapters.losses.teacher import (
    Features,
    FrozenTeacher,
    as_list,
    embedding_dimension,
    precomputed_embeddings,
)


class ContrastiveDistillationLoss(nn.Module):
    """Finds, among the student's embeddings of all positives, the one that belongs to the teacher's anchor.

    With hT the teacher's and hS the student's sentence embeddings, W a learnable matrix, sim the cosine and t the
    temperature:

        L = - log  exp(sim(hT_i, W hS_i+) / t) / sum_j exp(sim(hT_i, W hS_j+) / t)

    The softmax is that of `MultipleNegativesRankingLoss` of sentence-transformers, which gathers over devices too.

    Args:
        model: The student.
        teacher: A live teacher with the student's tokenizer, run on every batch; `None` takes the teacher's embeddings
            from the labels, from any teacher.
        teacher_dim: Length of the teacher's embeddings; needed without a teacher if there is a projection.
        temperature: t, above 0.
        projection: Whether W is learned. Without it W is the identity, and the lengths must agree.
        gather_across_devices: Take the positives of all devices as negatives, not only those of this one.

    Raises:
        ConfigError: A setting out of range, other tokenizers, or lengths that do not agree.

    References:
        - Compressing intent classification model for multi-agent in low-resource devices (Yoon & Kang), stage 2

    Requirements:
        1. Pairs (anchor, positive). Further columns are hard negatives.
        2. No text twice in a batch, and no two pairs of one meaning.

    Inputs:
        +--------------------+-----------------------------------------------------------------+
        | Texts              | Labels                                                          |
        +====================+=================================================================+
        | (anchor, positive) | none with a live teacher; else the teacher's embeddings of the  |
        |                    | anchors (B, D), or of all columns (B, columns, D)               |
        +--------------------+-----------------------------------------------------------------+
    """

    def __init__(
        self,
        model: SentenceTransformer,
        teacher: SentenceTransformer | None = None,
        *,
        teacher_dim: int | None = None,
        temperature: float = 0.05,
        projection: bool = True,
        gather_across_devices: bool = False,
    ) -> None:
        super().__init__()
        temperature = check_number("temperature", temperature, low=0.0, below=float("inf"), exclude_low=True)
        self.model = model
        self.teacher = None if teacher is None else FrozenTeacher(teacher, model)
        self.projection = make_projection(model, teacher, teacher_dim) if projection else None
        self.ranking = MultipleNegativesRankingLoss(
            model, scale=1.0 / temperature, gather_across_devices=gather_across_devices
        )

    def forward(self, sentence_features: Iterable[Features], labels: Tensor | None = None) -> Tensor:
        """The loss of a batch, a scalar."""
        columns = as_list(sentence_features)
        if len(columns) < 2:
            raise DataError(
                f"contrastive distillation needs pairs (anchor, positive), but got {len(columns)} column(s)"
            )
        if self.teacher is not None:
            anchors = self.teacher(columns[0])
        elif labels is not None:
            anchors = precomputed_embeddings(labels, len(columns))[0]
        else:
            raise DataError("there is no teacher: pass its embeddings of the anchors in a label column, or a teacher")
        students = [self.model(features)["sentence_embedding"] for features in columns[1:]]
        return self.compute_loss_from_embeddings(anchors, students)

    def compute_loss_from_embeddings(self, anchors: Tensor, positives: list[Tensor]) -> Tensor:
        """The loss from embeddings.

        Args:
            anchors: The teacher's embeddings of the anchors (B, teacher dim).
            positives: The student's embeddings of the positives (B, student dim), then of hard negatives.

        Returns:
            A scalar, computed in float32 or better.

        Raises:
            ConfigError: Lengths that do not agree, without a projection.
        """
        with torch.autocast(anchors.device.type, enabled=False):
            dtype = torch.promote_types(positives[0].dtype, torch.float32)
            candidates = [self.project(embeddings.to(dtype)) for embeddings in positives]
            if candidates[0].shape[1] != anchors.shape[1]:
                raise ConfigError(
                    f"the student's embeddings have length {candidates[0].shape[1]}, the teacher's "
                    f"{anchors.shape[1]}: use projection=True"
                )
            columns = [anchors.detach().to(dtype), *candidates]
            loss: Tensor = self.ranking.compute_loss_from_embeddings(columns, None)  # type: ignore[arg-type]
        return loss

    def project(self, embeddings: Tensor) -> Tensor:
        """W times the student's embeddings, (B, student dim) -> (B, teacher dim)."""
        return embeddings if self.projection is None else self.projection(embeddings)

    def get_config_dict(self) -> dict[str, Any]:
        """The settings, for the model card."""
        return {
            "temperature": self.ranking.temperature,
            "projection": self.projection is not None,
            "gather_across_devices": self.ranking.gather_across_devices,
        }


def make_projection(model: nn.Module, teacher: SentenceTransformer | None, teacher_dim: int | None) -> Projection:
    """The projection from a student's embeddings to a teacher's.

    Raises:
        ConfigError: Neither a teacher nor the length of its embeddings is given.
    """
    if teacher is not None:
        teacher_dim = embedding_dimension(teacher)
    if teacher_dim is None:
        raise ConfigError("a projection needs the length of the teacher's embeddings: pass teacher_dim, or a teacher")
    device = next(model.parameters()).device
    return Projection(embedding_dimension(model), teacher_dim, device=device)
