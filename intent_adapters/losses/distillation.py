"""The loss of stage 2: contrastive distillation plus MiniLMv2, and embedding matching if wanted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.losses import EmbedDistillLoss
from torch import Tensor, nn

from intent_adapters.errors import ConfigError, DataError
from intent_adapters.losses.checks import check_number
from intent_adapters.losses.contrastive_distillation import ContrastiveDistillationLoss
from intent_adapters.losses.minilmv2 import MINILMV2_CITATION, RelationCapture
from intent_adapters.losses.teacher import Features, FrozenTeacher, as_list, merge_columns, precomputed_embeddings


class DistillationLoss(nn.Module):
    """The weighted sum of stage 2, with one forward pass of the student and one of the teacher for all its parts.

        L = a L_contrastive_distillation + b L_minilmv2 + c L_matching

    The paper has the first two; `L_matching` is 1 - cos(teacher's embedding, W student's embedding) of every text, as
    in `EmbedDistillLoss` of sentence-transformers. A part with weight 0 is not computed.

    Args:
        model: The student.
        teacher: The teacher, frozen here, with the student's tokenizer. `None` only without MiniLMv2 part, with the
            teacher's embeddings in the labels.
        contrastive_weight: a.
        relation_weight: b, beta in the paper.
        matching_weight: c.
        temperature: Of the contrastive part.
        projection: Whether W is learned; without it W is the identity.
        teacher_dim: Length of the embeddings in the labels, if there is a projection and it is not the teacher's own.
        num_relation_heads: A_r of the MiniLMv2 part.
        teacher_layer: Of the MiniLMv2 part.
        student_layer: Of the MiniLMv2 part.
        gather_across_devices: Of the contrastive part.

    Raises:
        ConfigError: All weights are 0, a setting is out of range, or teacher and student do not fit together.

    Inputs:
        +-----------------------------+----------------------------------------------------------------------+
        | Texts                       | Labels                                                               |
        +=============================+======================================================================+
        | (anchor, positive);         | none, or embeddings (B, columns, D) that take the place of the       |
        | any without the first part  | teacher's own in the contrastive and the matching part               |
        +-----------------------------+----------------------------------------------------------------------+
    """

    def __init__(
        self,
        model: SentenceTransformer,
        teacher: SentenceTransformer | None,
        *,
        contrastive_weight: float = 1.0,
        relation_weight: float = 1.0,
        matching_weight: float = 0.0,
        temperature: float = 0.05,
        projection: bool = True,
        teacher_dim: int | None = None,
        num_relation_heads: int = 12,
        teacher_layer: int = -1,
        student_layer: int = -1,
        gather_across_devices: bool = False,
    ) -> None:
        super().__init__()
        weights = {"contrastive": contrastive_weight, "relation": relation_weight, "matching": matching_weight}
        self.weights = {
            name: check_number(f"{name}_weight", weight, low=0.0, below=float("inf"))
            for name, weight in weights.items()
        }
        if not any(self.weights.values()):
            raise ConfigError("all weights of the distillation loss are 0: give at least one part a weight")
        if teacher is None and relation_weight:
            raise ConfigError("the MiniLMv2 part needs a live teacher: pass one, or relation_weight=0")
        self.model = model
        self.contrastive = ContrastiveDistillationLoss(
            model,
            teacher,
            teacher_dim=teacher_dim,
            temperature=temperature,
            projection=projection,
            gather_across_devices=gather_across_devices,
        )
        self.capture = (
            RelationCapture(
                model,
                teacher,
                num_relation_heads=num_relation_heads,
                teacher_layer=teacher_layer,
                student_layer=student_layer,
            )
            if teacher is not None and relation_weight
            else None
        )
        self.matching = EmbedDistillLoss(model, distance_metric="cosine")
        self.pad_token_id = int(model.tokenizer.pad_token_id)

    @property
    def teacher(self) -> FrozenTeacher | None:
        """The live teacher, if there is one."""
        return self.contrastive.teacher

    def forward(self, sentence_features: Iterable[Features], labels: Tensor | None = None) -> dict[str, Tensor]:
        """The weighted parts by name, for the trainer to sum and to log."""
        columns = as_list(sentence_features)
        if self.weights["contrastive"] and len(columns) < 2:
            raise DataError(
                f"contrastive distillation needs pairs (anchor, positive), but got {len(columns)} column(s)"
            )
        features = merge_columns(columns, self.pad_token_id)
        embeddings, own, relation = self._run(features, labels)
        students = list(embeddings.chunk(len(columns)))
        teachers = list(own.chunk(len(columns))) if labels is None else precomputed_embeddings(labels, len(columns))
        parts: dict[str, Tensor] = {}
        if self.weights["contrastive"]:
            parts["contrastive"] = self.contrastive.compute_loss_from_embeddings(teachers[0], students[1:])
        if self.weights["relation"]:
            parts["relation"] = relation
        if self.weights["matching"]:
            parts["matching"] = self._match(students, teachers)
        return {name: self.weights[name] * part for name, part in parts.items()}

    def _run(self, features: Features, labels: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        if self.capture is not None and self.teacher is not None:
            return self.capture(self.model, self.teacher, features)
        if labels is None and self.teacher is None:
            raise DataError("there is no teacher: pass its embeddings in a label column, or a teacher")
        nothing = torch.empty(0)
        own = self.teacher(features) if labels is None and self.teacher is not None else nothing
        return self.model(dict(features))["sentence_embedding"], own, nothing

    def _match(self, students: list[Tensor], teachers: list[Tensor]) -> Tensor:
        with torch.autocast(students[0].device.type, enabled=False):
            dtype = torch.promote_types(students[0].dtype, torch.float32)
            projected = [self.contrastive.project(embeddings.to(dtype)) for embeddings in students]
            loss: Tensor = self.matching.compute_loss_from_embeddings(projected, [t.detach() for t in teachers])
        return loss

    def get_config_dict(self) -> dict[str, Any]:
        """The settings, for the model card."""
        settings = {f"{name}_weight": weight for name, weight in self.weights.items()}
        settings |= self.contrastive.get_config_dict()
        if self.capture is not None:
            settings |= {
                "num_relation_heads": self.capture.num_relation_heads,
                "teacher_layer": self.capture.teacher_layer,
                "student_layer": self.capture.student_layer,
            }
        return settings

    @property
    def citation(self) -> str:
        """BibTeX of MiniLMv2, for the model card."""
        return MINILMV2_CITATION
