"""The loss of stage 2: contrastive distillation plus MiniLMv2, and embedding matching if wanted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.losses import EmbedDistillLoss
from torch import Tensor, nn

from intent_adapters.errors import ConfigError, DataError
from intent_adapters.inputs import check_number
from intent_adapters.losses.distillation.contrastive import ContrastiveDistillationLoss, check_pairs
from intent_adapters.losses.distillation.minilmv2 import MINILMV2_CITATION, MiniLMv2Loss
from intent_adapters.losses.distillation.teacher import Features, embeddings_in_labels, merge_columns


class DistillationLoss(nn.Module):
    """The weighted sum of stage 2, with one forward pass of the student and one of the teacher for all its parts.

        L = a L_contrastive_distillation + b L_minilmv2 + c L_matching

    The paper has the first two; `L_matching` is 1 - cos(teacher's embedding, W student's embedding) of every text, as
    in `EmbedDistillLoss` of sentence-transformers. A part with weight 0 is not computed.

    Args:
        model: The student.
        teacher: The teacher, frozen here, with the student's tokenizer. `None` only without the MiniLMv2 part, with
            the teacher's embeddings in the labels.
        contrastive_weight: Weight a of the contrastive part.
        relation_weight: Weight b of the MiniLMv2 part, beta in the paper.
        matching_weight: Weight c of the matching part.
        temperature: Temperature of the contrastive part.
        projection: Whether W is learned; without it W is the identity.
        teacher_dim: Length of the embeddings in the labels, if there is a projection; `None`: that of the teacher's.
        num_relation_heads: Relation heads A_r of the MiniLMv2 part.
        teacher_layer: The teacher's layer in the MiniLMv2 part; negative numbers count from the last.
        student_layer: The student's layer there.
        gather_across_devices: Take the positives of all devices as negatives in the contrastive part.

    Inputs:
        +-----------------------------+----------------------------------------------------------------------+
        | Texts                       | Labels                                                               |
        +=============================+======================================================================+
        | (anchor, positive), or      | none, or embeddings (B, columns, D) that take the place of the       |
        | single texts, which have no | teacher's own in the contrastive and the matching part               |
        | contrastive part            |                                                                      |
        +-----------------------------+----------------------------------------------------------------------+

    Raises:
        ConfigError: All weights are 0, a setting is out of range, or teacher and student do not fit together.
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
        self.weights = {name: check_number(f"{name}_weight", weight, 0) for name, weight in weights.items()}
        if not any(self.weights.values()):
            raise ConfigError("all weights of the distillation loss are 0: give at least one part a weight")
        self.model = model
        self.contrastive = ContrastiveDistillationLoss(
            model,
            teacher,
            teacher_dim=teacher_dim,
            temperature=temperature,
            projection=projection,
            gather_across_devices=gather_across_devices,
        )
        self.minilmv2: MiniLMv2Loss | None = None
        if relation_weight:
            if teacher is None:
                raise ConfigError("the MiniLMv2 part needs a live teacher: pass one, or relation_weight=0")
            self.minilmv2 = MiniLMv2Loss(model, teacher, num_relation_heads, teacher_layer, student_layer)
        self.matching = EmbedDistillLoss(model, distance_metric="cosine")
        self.pad_token_id = int(model.tokenizer.pad_token_id)

    def forward(self, sentence_features: Iterable[Features], labels: Tensor | None = None) -> dict[str, Tensor]:
        """The weighted parts by name, for the trainer to sum and to log.

        Args:
            sentence_features: The tokenised columns, each a dict of tensors (B, L).
            labels: Embeddings (B, columns, D) in place of the teacher's.

        Raises:
            DataError: Single texts where all other parts have weight 0, or neither a teacher nor labels.
        """
        columns = list(sentence_features)
        weights = {name: weight for name, weight in self.weights.items() if weight}
        if len(columns) == 1 and len(weights) > 1:
            weights.pop("contrastive", None)
        if "contrastive" in weights:
            check_pairs(columns)
        parts: dict[str, Tensor] = {}
        features = merge_columns(columns, self.pad_token_id)
        targets = None
        if self.minilmv2 is not None:
            embeddings, targets, parts["relation"] = self.minilmv2.compare(features)
        else:
            embeddings = self.model(dict(features))["sentence_embedding"]
        students = list(embeddings.chunk(len(columns)))
        teachers = self._targets(features, targets, labels, len(columns))
        if "contrastive" in weights:
            parts["contrastive"] = self.contrastive.compute_loss_from_embeddings(teachers[0], students[1:])
        if "matching" in weights:
            projected = [self.contrastive.project(student) for student in students]
            targets_of = [teacher.detach().to(projected[0].dtype) for teacher in teachers]
            parts["matching"] = self.matching.compute_loss_from_embeddings(projected, targets_of)
        return {name: weight * parts[name] for name, weight in weights.items()}

    def _targets(
        self, features: Features, computed: Tensor | None, labels: Tensor | None, columns: int
    ) -> list[Tensor]:
        """What the student's embeddings of each column are compared with: (B, D) a column."""
        if labels is not None:
            return embeddings_in_labels(labels, columns)
        if computed is None:
            if self.contrastive.teacher is None:
                raise DataError("there is no teacher: pass its embeddings in a label column, or a teacher")
            computed = self.contrastive.teacher(features)
        return list(computed.chunk(columns))

    def get_config_dict(self) -> dict[str, Any]:
        """The settings, for the model card."""
        settings = {f"{name}_weight": weight for name, weight in self.weights.items()}
        settings |= self.contrastive.get_config_dict()
        return settings | (self.minilmv2.get_config_dict() if self.minilmv2 is not None else {})

    @property
    def citation(self) -> str:
        """BibTeX of MiniLMv2, for the model card."""
        return MINILMV2_CITATION
