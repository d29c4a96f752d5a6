"""What is read off the frozen embeddings before training."""

from __future__ import annotations

import unicodedata

import pytest
import torch
from torch.nn import functional as F

from intent_adapters.training.agent import prototypes
from intent_adapters.training.agent.prototypes import (
    class_means,
    fitting_scale,
    names_are_telling,
    new_names,
    uttered_names,
)


def clusters(intents, each, spread, seed=0):
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(intents, 16, generator=generator)
    labels = torch.arange(intents).repeat_interleave(each)
    return centres[labels] + spread * torch.randn(len(labels), 16, generator=generator), labels


def test_class_means_are_the_means_of_each_class():
    embeddings, labels = clusters(5, 3, 1.0)
    order = torch.randperm(15, generator=torch.Generator().manual_seed(1))
    means = class_means(embeddings[order], labels[order], 5)
    torch.testing.assert_close(means, embeddings.view(5, 3, 16).mean(dim=1))


def gap(embeddings, labels, intents):
    """Mean over the texts of the cosine with the own class mean, less the mean cosine with the others."""
    cosines = F.normalize(embeddings, dim=-1) @ F.normalize(class_means(embeddings, labels, intents), dim=-1).T
    own = F.one_hot(labels, intents).bool()
    return (cosines[own].mean() - cosines[~own].mean()).item()


def test_the_scale_is_larger_where_the_encoder_squeezes_all_cosines():
    embeddings, labels = clusters(10, 5, 1.0)
    assert fitting_scale(embeddings + 3.0, labels, 10) > 3 * fitting_scale(embeddings, labels, 10)


def test_intents_that_are_easily_told_apart_get_eight_logits_between_them():
    embeddings, labels = clusters(10, 5, 0.1)
    embeddings = F.normalize(embeddings, dim=-1)
    assert fitting_scale(embeddings, labels, 10) * gap(embeddings, labels, 10) == pytest.approx(8.0, rel=1e-4)


def test_the_scale_is_two_thirds_of_the_one_with_the_best_left_out_likelihood():
    embeddings, labels = clusters(6, 4, 2.0)
    unit = F.normalize(embeddings, dim=-1)
    losses = {}
    for scale in prototypes.SCALES:
        total = 0.0
        for row in range(len(unit)):
            rest = torch.arange(len(unit)) != row
            means = F.normalize(class_means(unit[rest], labels[rest], 6), dim=-1)
            total += F.cross_entropy(scale * (unit[row] @ means.T), labels[row]).item()
        losses[scale] = total
    assert fitting_scale(embeddings, labels, 6) == pytest.approx(min(losses, key=losses.get) * 2 / 3)


def test_the_scale_does_not_depend_on_the_chunks(monkeypatch):
    embeddings, labels = clusters(20, 3, 1.0)
    whole = fitting_scale(embeddings, labels, 20)
    monkeypatch.setattr(prototypes, "ROWS_AT_ONCE", 7)
    assert fitting_scale(embeddings, labels, 20) == whole


def test_one_text_per_intent_gives_the_default_scale():
    embeddings, labels = clusters(4, 1, 1.0)
    assert fitting_scale(embeddings, labels, 4) == 16.0


def test_intents_with_one_text_do_not_spoil_the_scale_of_the_others():
    embeddings, labels = clusters(5, 4, 1.0)
    rows = torch.arange(17)  # the last intent keeps one text
    assert torch.isfinite(torch.tensor(fitting_scale(embeddings[rows], labels[rows], 5)))


def test_names_are_telling_if_more_lie_nearest_to_their_own_class_than_chance_gives():
    means, numbers = torch.eye(6), torch.arange(6)
    assert names_are_telling(means[[0, 1, 2, 3, 5, 4]], numbers, means)
    assert not names_are_telling(means[[0, 1, 2, 5, 3, 4]], numbers, means)  # 6 % by chance


@pytest.mark.parametrize(("intents", "right", "telling"), [(2, 1, False), (2, 2, False), (3, 2, False), (3, 3, True)])
def test_two_names_prove_nothing(intents, right, telling):
    means, numbers = torch.eye(intents), torch.arange(intents)
    nearest = [number if number < right else 0 for number in range(intents)]
    assert names_are_telling(means[nearest], numbers, means) is telling


def test_names_that_are_utterances_of_their_intents_are_telling():
    means = torch.eye(6)
    assert names_are_telling(means[[0, 0]], torch.tensor([0, 1]), means, uttered=1)
    assert not names_are_telling(means[[0, 0]], torch.tensor([0, 1]), means, uttered=0)
    assert not names_are_telling(means[[1, 0]], torch.tensor([0, 1]), means, uttered=1)


def test_a_name_counts_as_uttered_only_under_its_own_intent():
    labels = ["top_up", "예약_취소", "card"]
    texts = ["Top up", unicodedata.normalize("NFD", "예약 취소"), "card", "top up please"]
    assert uttered_names(labels, texts, [0, 1, 0, 0]) == [0, 1]
    assert list(new_names(labels, texts)) == []


def test_names_that_are_missing_count_as_not_telling():
    means = torch.eye(4)
    assert not names_are_telling(means[:1], torch.tensor([0]), means)


def test_names_that_are_texts_already_or_repeat_each_other_are_left_out():
    labels = ["card_arrival", "Card-Arrival", "top_up", "!!"]
    assert list(new_names(labels, ["Top up"])) == [(0, "card arrival")]
