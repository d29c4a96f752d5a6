"""The regression on sentence embeddings: against scikit-learn by hand, and what a background does to it."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from intent_adapters.bottleneck import CosineHead
from intent_adapters.training.agent.background import background_texts, outside
from intent_adapters.training.agent.regression import logistic_regression, with_regression


def data(intents=4, dim=8, each=6):
    draw = np.random.default_rng(0)
    labels = np.repeat(np.arange(intents), each)
    embeddings = draw.normal(size=(intents, dim))[labels] + draw.normal(size=(len(labels), dim)) * 0.5
    return torch.from_numpy(embeddings).float(), torch.from_numpy(labels), torch.randn(9, dim) * 0.3


def test_two_intents_get_the_probabilities_of_scikit_learn():
    embeddings, labels, _ = data(intents=2)
    weight, bias = logistic_regression(embeddings, labels)
    expected = LogisticRegression(C=10).fit(embeddings, labels).predict_proba(embeddings)
    assert np.allclose(torch.softmax(embeddings @ weight.T + bias, dim=-1), expected, atol=1e-3)


def test_a_background_lowers_all_logits_alike_by_half_of_its_own():
    embeddings, labels, background = data()
    weight, bias = logistic_regression(embeddings, labels, background)
    weights = np.r_[np.ones(24), np.full(9, 6 / 9)]
    model = LogisticRegression(C=10, max_iter=1000).fit(
        torch.cat([embeddings, background]), np.r_[labels, np.full(9, 4)], sample_weight=weights
    )
    expected = model.decision_function(embeddings)
    logits = (embeddings @ weight.T + bias).double().numpy()
    assert np.allclose(logits, expected[:, :4] - expected[:, 4:] / 2, atol=1e-3)
    shares = model.predict_proba(embeddings)[:, :4]
    assert np.allclose(
        torch.softmax(torch.from_numpy(logits), dim=-1), shares / shares.sum(axis=1, keepdims=True), atol=1e-3
    )


def test_the_combined_head_is_the_sum_of_both_and_draws_no_random_numbers():
    embeddings, labels, background = data()
    torch.manual_seed(0)
    head = CosineHead(8, 4, 12.0)
    state = torch.get_rng_state()
    combined = with_regression(head, embeddings, labels, background, 0.5)
    assert torch.equal(torch.get_rng_state(), state)
    units, other = (torch.nn.functional.normalize(some, dim=-1) for some in (embeddings, background))
    weight, bias = logistic_regression(units, labels, other)
    with torch.no_grad():
        assert torch.allclose(combined(embeddings), head(embeddings) + 0.5 * (units @ weight.T + bias), atol=1e-4)


def test_background_texts_are_many_different_and_in_both_languages():
    texts = background_texts()
    assert len(set(texts)) == len(texts) > 150
    assert all(text == text.strip() != "" for text in texts)
    assert sum(any("가" <= sign <= "힣" for sign in text) for text in texts) > 60


def test_background_as_near_as_the_agents_own_utterances_is_left_out():
    utterances = torch.nn.functional.normalize(torch.tensor([[1.0, 0.1, 0], [1, -0.1, 0], [1, 0.2, 0]]), dim=-1)
    assert outside(torch.tensor([[3.0, 0.1, 0], [0, 0, 1]]), utterances).tolist() == [False, True]
