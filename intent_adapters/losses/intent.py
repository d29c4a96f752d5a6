"""The loss that trains an agent: cross-entropy of its head plus Circle loss, on one encoder pass (stage 3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from torch.nn import functional as F

from intent_adapters.errors import ConfigError, DataError
from intent_adapters.inputs import check_number
from intent_adapters.losses.checks import check_labels, only_column
from intent_adapters.losses.circle import CIRCLE_LOSS_CITATION, circle_loss
from intent_adapters.losses.precision import at_least_float32


class IntentLoss(nn.Module):
    """Cross-entropy of a classification head plus weighted Circle loss on the sentence embeddings.

    This is L_stage3 = L_ce + lambda * L_circle of Yoon and Kang. The encoder runs once per batch; both terms share
    its embeddings.

    Args:
        model: The `SentenceTransformer` to train.
        head: Any module or function from sentence embeddings (B, D) to logits (B, C). A module's parameters are
            trained too. It may be a part of `model`, as the head of the bottleneck method is: the optimiser still
            sees each parameter once. A head outside `model` is not in the model's checkpoints, nor is its gradient
            clipped by the trainer: saving it is up to the caller.
        circle_weight: The weight lambda of the Circle loss, 0 or more. At 0 it is not computed at all.
        circle_margin: The margin m of the Circle loss, in [0, 1).
        circle_gamma: The scale gamma of the Circle loss, above 0.
        label_smoothing: The probability mass in [0, 1) that cross-entropy spreads evenly over all C intents.

    References:
        - Yoon and Kang: Compressing intent classification model for multi-agent in low-resource devices
        - Circle Loss: A Unified Perspective of Pair Similarity Optimization: https://arxiv.org/abs/2002.10857

    Requirements:
        1. Each text is labelled with the index of its intent, an integer from 0 to C - 1.

    Inputs:
        +---------------+--------+
        | Inputs        | Labels |
        +===============+========+
        | single inputs | class  |
        +---------------+--------+

    Recommendations:
        - Use `IntentBatchSampler` from `intent_adapters.training`: Circle loss needs two texts of an intent
          in the same batch.
        - With `model_init`, pass the loss as a function of the model, so that each new model gets its own head.

    Relations:
        - `CircleLoss` is the second term alone, for training an encoder without a head.

    Raises:
        ConfigError: A setting is out of range, or `head` cannot be called.

    Example:
        ::

            from datasets import Dataset
            from sentence_transformers import (
                SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments
            )
            from torch import nn
            from intent_adapters.losses import IntentLoss
            from intent_adapters.training.agent.sampler import IntentBatchSampler

            model = SentenceTransformer("sentence-transformers/all-MiniLM-L6-v2")
            train_dataset = Dataset.from_dict({
                "text": ["cancel my visit", "I can't come tomorrow", "how much is an X-ray?", "what does a scan cost"],
                "label": [0, 0, 1, 1],
            })
            trainer = SentenceTransformerTrainer(
                model=model,
                args=SentenceTransformerTrainingArguments("out", batch_sampler=IntentBatchSampler),
                train_dataset=train_dataset,
                loss=IntentLoss(model, head=nn.Linear(384, 2)),
            )
            trainer.train()
    """

    def __init__(
        self,
        model: SentenceTransformer,
        head: Callable[[Tensor], Tensor],
        circle_weight: float = 0.05,
        circle_margin: float = 0.25,
        circle_gamma: float = 32.0,
        label_smoothing: float = 0.1,
    ) -> None:
        super().__init__()
        if not callable(head):
            raise ConfigError(f"head must be a module or a function from embeddings to logits, but it is {head!r}")
        self.circle_weight = check_number("circle_weight", circle_weight, 0)
        self.circle_margin = check_number("circle_margin", circle_margin, 0, 1, below=True)
        self.circle_gamma = check_number("circle_gamma", circle_gamma, 0, above=True)
        self.label_smoothing = check_number("label_smoothing", label_smoothing, 0, 1, below=True)
        self.model = model
        self.head = head

    def forward(self, sentence_features: Iterable[dict[str, Any]], labels: Tensor | None) -> dict[str, Tensor]:
        """Encodes the one text column and returns the terms of the loss, whose sum is to be minimised.

        Args:
            sentence_features: The tokenized text column: a sequence of one dict of tensors (B, L).
            labels: The index of each text's intent (B,), integers from 0 to C - 1.

        Returns:
            The scalars "cross_entropy" and, unless its weight is 0, "circle" (weighted).

        Raises:
            DataError: There is not exactly one text column, or not one integer label from 0 to C - 1 per text.
            ConfigError: The head does not return logits (B, C).
        """
        embeddings = self.model(only_column(sentence_features, "IntentLoss"))["sentence_embedding"]
        return self.compute_loss_from_embeddings([embeddings], labels)

    def compute_loss_from_embeddings(self, embeddings: list[Tensor], labels: Tensor | None) -> dict[str, Tensor]:
        """The terms of the loss for a list with one tensor of sentence embeddings (B, D), given the labels (B,)."""
        column = only_column(embeddings, "IntentLoss")
        rows = len(column)
        labels = check_labels(labels, rows, "IntentLoss")
        logits = self.head(column)
        if logits.ndim != 2 or len(logits) != rows:
            raise ConfigError(f"head must return logits ({rows}, intents), but it returned {tuple(logits.shape)}")
        _check_range(labels, logits.shape[1])
        logits = at_least_float32(logits)
        losses = {"cross_entropy": F.cross_entropy(logits, labels.long(), label_smoothing=self.label_smoothing)}
        if self.circle_weight:
            circle = circle_loss(column, labels, self.circle_margin, self.circle_gamma)
            losses["circle"] = self.circle_weight * circle
        return losses

    def get_config_dict(self) -> dict[str, Any]:
        """The settings that the model card prints."""
        return {
            "circle_weight": self.circle_weight,
            "circle_margin": self.circle_margin,
            "circle_gamma": self.circle_gamma,
            "label_smoothing": self.label_smoothing,
        }

    @property
    def citation(self) -> str:
        """BibTeX entries for the model card."""
        return (
            """
@article{yoon-kang-compressing,
    title = "Compressing intent classification model for multi-agent in low-resource devices",
    author = "Yoon and Kang",
}
"""
            + CIRCLE_LOSS_CITATION
        )


def _check_range(labels: Tensor, intents: int) -> None:
    # cross_entropy would skip a label of -100 in silence, and on a GPU any other wrong one kills the process.
    low, high = torch.stack(torch.aminmax(labels)).tolist() if len(labels) else (0, 0)
    if low < 0 or high >= intents:
        raise DataError(
            f"The head tells {intents} intents apart, so labels must be from 0 to {intents - 1}, but a batch has "
            f"the label {low if low < 0 else high}: number the labels from 0 and make the head as large as their count"
        )
