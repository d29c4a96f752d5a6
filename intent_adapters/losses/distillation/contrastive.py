"""Contrastive distillation: the teacher's anchors against the student's positives."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn

from intent_adapters.errors import ConfigError, DataError
from intent_adapters.losses.distillation.projection import Projection
from intent_adapters.losses.distillation.teacher import Features, FrozenTeacher, embeddings_in_labels
from intent_adapters.losses.info_nce import InfoNCELoss
from intent_adapters.losses.precision import at_least_float32


class ContrastiveDistillationLoss(nn.Module):
    """Finds, among the student's embeddings of all positives, the one that belongs to the teacher's anchor.

    With hT the teacher's and hS the student's sentence embeddings, W a learnable matrix, sim the cosine and t the
    temperature:

        L = - log  exp(sim(hT_i, W hS_i+) / t) / sum_j exp(sim(hT_i, W hS_j+) / t)

    Args:
        model: The student.
        teacher: A live teacher with the student's tokenizer, run on every batch; `None` takes the teacher's embeddings
            from the labels, from any teacher.
        teacher_dim: Length of the embeddings in the labels, if there is a projection; `None`: that of the teacher's.
        temperature: The temperature t, above 0.
        projection: Whether W is learned. Without it W is the identity, and the lengths must agree.
        gather_across_devices: Take the positives of all devices as negatives, not only those of this one.

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

    Raises:
        ConfigError: A setting is out of range, the tokenizers differ, or there is a projection but neither a teacher
            nor `teacher_dim`.
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
        self.model = model
        self.teacher = None if teacher is None else FrozenTeacher(teacher, model)
        self.projection: Projection | None = None
        self.ranking = InfoNCELoss(model, temperature, gather_across_devices=gather_across_devices)
        if projection:
            width = teacher_dim
            if width is None and teacher is not None:
                width = teacher.get_embedding_dimension()
            if width is None:
                raise ConfigError(
                    "a projection needs the length of the teacher's embeddings: pass teacher_dim, or a teacher"
                )
            self.projection = Projection(model.get_embedding_dimension() or width, width, device=model.device)

    def forward(self, sentence_features: Iterable[Features], labels: Tensor | None = None) -> Tensor:
        """The loss of a batch, a scalar.

        Args:
            sentence_features: The tokenised columns, each a dict of tensors (B, L).
            labels: The teacher's embeddings, where there is no live teacher.

        Raises:
            DataError: There is no pair of columns, or neither a teacher nor labels.
            ConfigError: Embeddings of a shape that does not fit.
        """
        columns = list(sentence_features)
        check_pairs(columns)
        if self.teacher is not None:
            anchors = self.teacher(columns[0])
        elif labels is not None:
            anchors = embeddings_in_labels(labels, len(columns))[0]
        else:
            raise DataError("there is no teacher: pass its embeddings of the anchors in a label column, or a teacher")
        students = [self.model(dict(features))["sentence_embedding"] for features in columns[1:]]
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
        candidates = [self.project(embeddings) for embeddings in positives]
        if candidates[0].shape[1] != anchors.shape[1]:
            raise ConfigError(
                f"the student's embeddings have length {candidates[0].shape[1]}, the teacher's "
                f"{anchors.shape[1]}: use projection=True"
            )
        return self.ranking.compute_loss_from_embeddings([anchors.detach().to(candidates[0].dtype), *candidates])

    def project(self, embeddings: Tensor) -> Tensor:
        """W times the student's embeddings, (B, student dim) -> (B, teacher dim), in float32 or better."""
        embeddings = at_least_float32(embeddings)
        if self.projection is None:
            return embeddings
        with torch.autocast(embeddings.device.type, enabled=False):
            projected: Tensor = self.projection(embeddings)
        return projected

    def get_config_dict(self) -> dict[str, Any]:
        """The settings, for the model card."""
        return {
            "temperature": self.ranking.temperature,
            "projection": self.projection is not None,
            "gather_across_devices": self.ranking.gather_across_devices,
        }


def check_pairs(columns: list[Features]) -> None:
    """Raises DataError unless a batch has two text columns at least."""
    if len(columns) < 2:
        raise DataError(f"contrastive distillation needs pairs (anchor, positive), but got {len(columns)} column(s)")
