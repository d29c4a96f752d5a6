"""Circle loss: pulls the embeddings of one intent together and pushes other intents away (Sun et al., 2020)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from torch.nn import functional as F

from intent_adapters.inputs import check_number
from intent_adapters.losses.checks import check_labels, only_column
from intent_adapters.losses.precision import at_least_float32

CIRCLE_LOSS_CITATION = """
@inproceedings{sun2020circle,
    title = "Circle Loss: A Unified Perspective of Pair Similarity Optimization",
    author = "Sun, Yifan and Cheng, Changmao and Zhang, Yuhan and Zhang, Chi and Zheng, Liang and Wang, Zhongdao
              and Wei, Yichen",
    booktitle = "Proceedings of the IEEE/CVF Conference on Computer Vision and Pattern Recognition",
    year = "2020",
    url = "https://arxiv.org/abs/2002.10857",
}
"""


def circle_loss(embeddings: Tensor, labels: Tensor, margin: float, gamma: float) -> Tensor:
    r"""Circle loss of a batch in its pair-wise form, equation 6 of Sun et al. (2020), on cosine similarities.

    Each row is once the anchor. With s_p its similarities to the other rows of its label, s_n to the rows of other
    labels, m the margin:

        L = log(1 + sum_j exp(gamma * a_n^j * (s_n^j - m)) * sum_i exp(-gamma * a_p^i * (s_p^i - (1 - m))))
        a_p = relu(1 + m - s_p),   a_n = relu(s_n + m)

    a_p and a_n weigh each pair by how far it is from its optimum; no gradient flows through them. The result is the
    mean over the anchors that have both a positive and a negative. It is computed in float32, or in float64 for
    float64 embeddings, under autocast too; the memory is O(B x B).

    Args:
        embeddings: Sentence embeddings (B, D), of any length: they are normalised here.
        labels: The intent of each row (B,), integers.
        margin: The relaxation m: positives are drawn above 1 - m, negatives below m.
        gamma: The scale of the similarities.

    Returns:
        The loss, a scalar. Zero, still with a graph, if no anchor has both a positive and a negative.
    """
    with torch.autocast(embeddings.device.type, enabled=False):
        unit = F.normalize(at_least_float32(embeddings), dim=1)
        similarity = unit @ unit.T
        same = labels.unsqueeze(0) == labels.unsqueeze(1)
        positive = same.clone().fill_diagonal_(False)
        anchors = positive.any(dim=1) & ~same.all(dim=1)
        if not anchors.any():
            return similarity.sum() * 0.0
        # Only contributing rows go on: logsumexp over an empty row is -inf, and its gradient NaN.
        similarity, same, positive = similarity[anchors], same[anchors], positive[anchors]
        weights = similarity.detach()
        positive_logits = -gamma * F.relu(1 + margin - weights) * (similarity - (1 - margin))
        negative_logits = gamma * F.relu(weights + margin) * (similarity - margin)
        positive_sum = torch.logsumexp(positive_logits.masked_fill(~positive, -torch.inf), dim=1)
        negative_sum = torch.logsumexp(negative_logits.masked_fill(same, -torch.inf), dim=1)
        return F.softplus(positive_sum + negative_sum).mean()


class CircleLoss(nn.Module):
    """Circle loss on the sentence embeddings of a batch of labelled texts.

    Every text is compared with all others of the batch: those of its own intent are its positives, those of other
    intents its negatives. See `circle_loss` for the equation.

    Args:
        model: The `SentenceTransformer` to train.
        margin: The relaxation m in [0, 1): positives are drawn above a cosine of 1 - m, negatives below m. Encoders
            whose cosines are squeezed into a narrow band (E5) want a larger one.
        gamma: The scale of the similarities, above 0.

    References:
        - Circle Loss: A Unified Perspective of Pair Similarity Optimization: https://arxiv.org/abs/2002.10857

    Requirements:
        1. Each text is labelled with its intent, an integer.
        2. Batches hold at least two texts of an intent and at least two intents: other texts do not contribute.

    Inputs:
        +---------------+--------+
        | Inputs        | Labels |
        +===============+========+
        | single inputs | class  |
        +---------------+--------+

    Recommendations:
        - Use `IntentBatchSampler` from `intent_adapters.training.agent.sampler`: every intent in a batch then has two
          texts in it whenever the data has them.
        - To train a classifier, use `IntentLoss`, which adds this loss to cross-entropy with one encoder pass.

    Raises:
        ConfigError: `margin` or `gamma` is out of range.
    """

    def __init__(self, model: SentenceTransformer, margin: float = 0.25, gamma: float = 32.0) -> None:
        super().__init__()
        self.margin = check_number("margin", margin, 0, 1, below=True)
        self.gamma = check_number("gamma", gamma, 0, above=True)
        self.model = model

    def forward(self, sentence_features: Iterable[dict[str, Any]], labels: Tensor | None) -> Tensor:
        """Encodes the one text column and returns the loss, a scalar.

        Args:
            sentence_features: The tokenized text column: a sequence of one dict of tensors (B, L).
            labels: The intent of each text (B,), integers.

        Raises:
            DataError: There is not exactly one text column, or not one integer label per text.
        """
        embeddings = self.model(only_column(sentence_features, "CircleLoss"))["sentence_embedding"]
        return self.compute_loss_from_embeddings([embeddings], labels)

    def compute_loss_from_embeddings(self, embeddings: list[Tensor], labels: Tensor | None) -> Tensor:
        """The loss of a list with one tensor of sentence embeddings (B, D), given the labels (B,)."""
        column = only_column(embeddings, "CircleLoss")
        return circle_loss(column, check_labels(labels, len(column), "CircleLoss"), self.margin, self.gamma)

    def get_config_dict(self) -> dict[str, Any]:
        """The settings that the model card prints."""
        return {"margin": self.margin, "gamma": self.gamma}

    @property
    def citation(self) -> str:
        """BibTeX entry for the model card."""
        return CIRCLE_LOSS_CITATION
