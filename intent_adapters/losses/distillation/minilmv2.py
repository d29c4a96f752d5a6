"""MiniLMv2: the student learns the self-attention relations of the teacher (Wang et al., 2020)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from torch.nn import functional as F

from intent_adapters.errors import ConfigError
from intent_adapters.losses.distillation.attention import (
    attention_projections,
    captured_states,
    projected_width,
    transformer_of,
)
from intent_adapters.losses.distillation.teacher import Features, FrozenTeacher, merge_columns
from intent_adapters.losses.precision import at_least_float32

MINILMV2_CITATION = """
@inproceedings{wang2021minilmv2,
    title = "{MiniLMv2}: Multi-Head Self-Attention Relation Distillation for Compressing Pretrained Transformers",
    author = "Wang, Wenhui and Bao, Hangbo and Huang, Shaohan and Dong, Li and Wei, Furu",
    booktitle = "Findings of the Association for Computational Linguistics: ACL-IJCNLP 2021",
    year = "2021",
    url = "https://arxiv.org/abs/2012.15828",
}
"""
# Not -inf, whose difference with itself is NaN; far below any relation, and exactly 0 after the softmax.
MASKED = -1e9


def relation_log_probabilities(states: Tensor, attention_mask: Tensor, num_relation_heads: int) -> Tensor:
    """Computes log softmax(X X^T / sqrt(d_r)) over the real tokens, of one kind of state (queries, keys or values).

    Args:
        states: The states of all heads side by side (B, L, D).
        attention_mask: 1 for real tokens, 0 for padding (B, L).
        num_relation_heads: Into how many heads A_r of size d_r = D / A_r the states are split again.

    Returns:
        (B, A_r, L, L) in float32, or in float64 for float64 states.
    """
    heads = at_least_float32(states).unflatten(-1, (num_relation_heads, -1)).transpose(1, 2)
    relations = heads @ heads.transpose(-1, -2) / math.sqrt(heads.shape[-1])
    return F.log_softmax(relations.masked_fill(attention_mask[:, None, None, :] == 0, MASKED), dim=-1)


def relation_loss(
    teacher: Sequence[Tensor], student: Sequence[Tensor], attention_mask: Tensor, num_relation_heads: int
) -> Tensor:
    """KL(teacher || student) between relations, mean over relation heads and real tokens, summed over Q, K and V.

    Equations 2 and 3 of Wang et al. (2020). Padding counts on neither axis: not as a token attended to, and not as
    one that attends. Computed without autocast: in half precision the softmax of large relations loses all detail.

    Args:
        teacher: Queries, keys and values of the teacher (B, L, D_T).
        student: The same of the student (B, L, D_S); D_S may differ from D_T.
        attention_mask: 1 for real tokens, 0 for padding (B, L).
        num_relation_heads: A_r; it divides both D_T and D_S.

    Returns:
        A scalar.
    """
    with torch.autocast(attention_mask.device.type, enabled=False):
        rows = attention_mask.to(torch.bool)
        tokens = rows.sum() * num_relation_heads
        total = torch.zeros((), device=attention_mask.device)
        for teacher_states, student_states in zip(teacher, student, strict=True):
            target = relation_log_probabilities(teacher_states.detach(), attention_mask, num_relation_heads)
            found = relation_log_probabilities(student_states, attention_mask, num_relation_heads)
            divergence = F.kl_div(found, target, log_target=True, reduction="none").sum(dim=-1)
            total = total + divergence.masked_fill(~rows[:, None, :], 0.0).sum() / tokens
    return total


class MiniLMv2Loss(nn.Module):
    """Multi-head self-attention relation distillation, for a teacher and a student with one tokenizer.

    The queries of a layer, all heads side by side, are split again into A_r relation heads, so that teacher and
    student agree on their number whatever their own heads are; A_Q = softmax(Q Q^T / sqrt(d_r)), and likewise for keys
    and values. The loss is KL(A_teacher || A_student), mean over heads and real tokens, summed over Q, K and V.

    Args:
        model: The student.
        teacher: The teacher, frozen here, with the student's tokenizer: relations are between tokens.
        num_relation_heads: A_r; it divides both hidden sizes.
        teacher_layer: Layer of the teacher. The last for a base-size teacher; Wang et al. take an upper middle one of
            a large teacher.
        student_layer: Layer of the student.

    References:
        - MiniLMv2: https://arxiv.org/abs/2012.15828

    Inputs:
        +-----------------------+--------+
        | Texts                 | Labels |
        +=======================+========+
        | one or more columns   | none   |
        +-----------------------+--------+

    Raises:
        ConfigError: Different tokenizers, an unknown architecture or layer, or A_r does not divide a hidden size.
    """

    def __init__(
        self,
        model: SentenceTransformer,
        teacher: SentenceTransformer,
        num_relation_heads: int = 12,
        teacher_layer: int = -1,
        student_layer: int = -1,
    ) -> None:
        super().__init__()
        self.model = model
        self.teacher = FrozenTeacher(teacher, model)
        self.num_relation_heads = num_relation_heads
        self.teacher_layer = teacher_layer
        self.student_layer = student_layer
        self.pad_token_id = int(model.tokenizer.pad_token_id)
        for name, modules in (("teacher", self._teacher_modules()), ("student", self._student_modules())):
            width = projected_width(modules)
            if num_relation_heads < 1 or width % num_relation_heads:
                raise ConfigError(
                    f"num_relation_heads is {num_relation_heads}, but it must divide the {name}'s hidden size {width}"
                )

    # Found anew each time: the trainer may have wrapped or replaced the model since.
    def _teacher_modules(self) -> tuple[nn.Module, ...]:
        return attention_projections(transformer_of(self.teacher.model), self.teacher_layer)

    def _student_modules(self) -> tuple[nn.Module, ...]:
        return attention_projections(transformer_of(self.model), self.student_layer)

    def forward(self, sentence_features: Iterable[Features], labels: Tensor | None = None) -> Tensor:
        """The loss of a batch, a scalar; `labels` are not used."""
        return self.compare(merge_columns(list(sentence_features), self.pad_token_id))[-1]

    def compare(self, features: Features) -> tuple[Tensor, Tensor, Tensor]:
        """One forward pass of each model.

        Args:
            features: Tokenised texts (B, L).

        Returns:
            The student's embeddings (B, D_S), the teacher's (B, D_T), and the loss.
        """
        with captured_states(self._teacher_modules()) as teacher_states:
            target = self.teacher(features)
        with captured_states(self._student_modules()) as student_states:
            embeddings = self.model(dict(features))["sentence_embedding"]
        mask = features["attention_mask"]
        return embeddings, target, relation_loss(teacher_states, student_states, mask, self.num_relation_heads)

    def get_config_dict(self) -> dict[str, Any]:
        """The settings, for the model card."""
        return {
            "num_relation_heads": self.num_relation_heads,
            "teacher_layer": self.teacher_layer,
            "student_layer": self.student_layer,
        }

    @property
    def citation(self) -> str:
        """BibTeX of the paper, for the model card."""
        return MINILMV2_CITATION
