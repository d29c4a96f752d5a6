"""Logistic regression on sentence embeddings: an agent by itself, and half of a trained agent's head."""

from __future__ import annotations

import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor
from torch.nn import functional as F

from intent_adapters.bottleneck import MINIMUM_SCALE, CosineHead, NormalizedLinearHead

INVERSE_REGULARIZATION = 10.0


def logistic_regression(embeddings: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Fit a linear classifier.

    Args:
        embeddings: Shape (texts, dim).
        labels: The number of each text's intent, shape (texts,); every intent from 0 on has a text.

    Returns:
        Weight (intents, dim) and bias (intents,) of the logits.
    """
    fitted = LogisticRegression(C=INVERSE_REGULARIZATION, max_iter=1000).fit(embeddings.numpy(), labels.numpy())
    weight, bias = torch.from_numpy(fitted.coef_).float(), torch.from_numpy(fitted.intercept_).float()
    if len(weight) == 1:  # of two classes scikit-learn gives the logit of the second alone
        weight, bias = torch.cat([-weight, weight]) / 2, torch.cat([-bias, bias]) / 2
    return weight, bias


@torch.no_grad()
def with_regression(head: CosineHead, embeddings: Tensor, labels: Tensor, weight: float) -> NormalizedLinearHead:
    """The sum of a trained cosine head and a regression on what the trained encoder makes of the training texts.

    The softmax of summed logits is the normalised product of both classifiers' probabilities. The sum of two linear
    maps is one, so the regression costs nothing to serve.

    Args:
        head: The trained head.
        embeddings: Of the training texts, by the trained encoder, shape (texts, dim).
        labels: The number of each text's intent, shape (texts,).
        weight: Of the regression's logits.
    """
    regression, bias = logistic_regression(F.normalize(embeddings, dim=-1), labels)
    combined = NormalizedLinearHead(head.weight.shape[1], head.weight.shape[0], 1.0)
    cosines = F.normalize(head.weight.cpu(), dim=-1) * head.scale.cpu().clamp_min(MINIMUM_SCALE)
    combined.weight.copy_(cosines + weight * regression)
    combined.bias.copy_(weight * bias)
    return combined.to(head.weight.device)
