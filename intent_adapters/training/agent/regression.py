"""Logistic regression on sentence embeddings: an agent by itself, and half of a trained agent's head."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits
from torch import Tensor
from torch.nn import functional as F

from intent_adapters.bottleneck import MINIMUM_SCALE, CosineHead, NormalizedLinearHead
from intent_adapters.training.randomness import OwnDraws

INVERSE_REGULARIZATION = 10.0
BACKGROUND_SHARE = 0.5


def logistic_regression(
    embeddings: Tensor, labels: Tensor, background: Tensor | None = None, text_weights: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Fit a linear classifier on embeddings (texts, dim); its weight (intents, dim) and bias (intents,).

    A background, embeddings (other texts, dim) of texts that have none of the intents, is one more class, with the
    weight of an average intent, half of whose logit is then subtracted from all others. That changes no probability
    between intents, since softmax ignores what all logits share; but the energy, `logsumexp` of the logits, falls with
    what speaks for the background, and tells what is out of scope. (With the whole of it energies would be log-odds;
    half tells near and everyday utterances best on validation data.)

    Every intent from 0 on has a text; each counts by its weight in `text_weights` (texts,), or all the same.
    """
    intents = int(labels.max()) + 1
    weights = np.ones(len(labels)) if text_weights is None else text_weights.double().numpy()
    if background is not None and len(background):
        embeddings = torch.cat([embeddings, background])
        weights = np.append(weights, np.full(len(background), weights.sum() / intents / len(background)))
        labels = torch.cat([labels, labels.new_full((len(background),), intents)])
    fitted = LogisticRegression(C=INVERSE_REGULARIZATION, max_iter=1000)
    # On several threads products of this size take longer, since BLAS's threads and PyTorch's wait for each other.
    with threadpool_limits(1, user_api="blas"):
        fitted.fit(embeddings.numpy(), labels.numpy(), sample_weight=weights)
    weight, bias = torch.from_numpy(fitted.coef_).float(), torch.from_numpy(fitted.intercept_).float()
    if len(weight) == 1:  # of two classes scikit-learn gives the logit of the second alone
        return torch.cat([-weight, weight]) / 2, torch.cat([-bias, bias]) / 2
    if len(weight) > intents:
        weight, bias = weight[:-1] - BACKGROUND_SHARE * weight[-1], bias[:-1] - BACKGROUND_SHARE * bias[-1]
    return weight, bias


@torch.no_grad()
def with_regression(
    head: CosineHead,
    embeddings: Tensor,
    labels: Tensor,
    background: Tensor | None,
    weight: float,
    text_weights: Tensor | None = None,
) -> NormalizedLinearHead:
    """The sum of a trained cosine head and a regression on what the trained encoder makes of the training texts.

    The softmax of summed logits is the normalised product of both classifiers' probabilities. The sum of two linear
    maps is one, so the regression costs nothing to serve. `weight` is that of its logits; the others are as for
    `logistic_regression`, with embeddings by the trained encoder.
    """
    if background is not None:
        background = F.normalize(background, dim=-1)
    regression, bias = logistic_regression(F.normalize(embeddings, dim=-1), labels, background, text_weights)
    with OwnDraws(0):  # it is overwritten, but the caller's random numbers are not to move
        combined = NormalizedLinearHead(head.weight.shape[1], head.weight.shape[0], 1.0)
    cosines = F.normalize(head.weight.cpu(), dim=-1) * head.scale.cpu().clamp_min(MINIMUM_SCALE)
    combined.weight.copy_(cosines + weight * regression)
    combined.bias.copy_(weight * bias)
    return combined.to(head.weight.device)
