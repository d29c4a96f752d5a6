"""Utterances without labels: which of them an agent learns from, how much, and that it is never worse for it."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from intent_adapters import IntentModel
from intent_adapters.bottleneck import BottleneckConfig, Calibration
from intent_adapters.errors import ConfigError, DataError
from intent_adapters.training import train_agent
from intent_adapters.training.agent.self_training import RegressionRows, accepted, prepare_unlabelled
from tests.support.short_trainings import short_trainings
from tests.support.tiny import tiny_base

__all__ = ["short_trainings"]

pytestmark = pytest.mark.usefixtures("short_trainings")

TEXTS = {
    "card": ["where is my card", "my card is not here", "card still missing", "no card yet", "card?", "the card"],
    "cancel": ["cancel my visit", "please cancel", "예약 취소 해주세요", "취소", "i want to cancel", "do cancel it"],
    "price": ["how much is it", "what does it cost", "진료비 얼마", "price please", "is it 100 or 200", "the cost"],
}
ROWS = [{"text": text, "label": label} for label, texts in TEXTS.items() for text in texts]
LOG = [*("is my card here", "card missing", "cancel please", "취소 해주세요", "what is the cost", "how much please")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("base")


@pytest.fixture
def model(folder):
    return IntentModel(tiny_base(folder))


def train(model, name, rows=ROWS, **settings):
    return train_agent(model, name, rows, **{"progress": False, "epochs": 2, **settings})


@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=60),
    st.lists(st.integers(1, 5), min_size=4, max_size=4),
    st.integers(0, 9),
)
def test_the_most_certain_answers_are_learned_and_never_outweigh_what_was_told(answers, told, seed):
    torch.manual_seed(seed)
    labels = torch.arange(4).repeat_interleave(torch.tensor(told))
    answers = torch.tensor(answers)
    logits = torch.nn.functional.one_hot(answers, 4) * (1 + torch.rand(len(answers), 1))
    embeddings = torch.arange(len(answers), dtype=torch.float)[:, None]
    rows = RegressionRows(torch.full((len(labels), 1), -1.0), labels)
    more = rows.with_answers(embeddings, logits)
    new = slice(len(labels), None)
    assert torch.equal(more.labels[: len(labels)], labels)
    assert more.weights[: len(labels)].tolist() == [1] * len(labels)
    learned = more.embeddings[new, 0].long()
    assert torch.equal(more.labels[new], answers[learned])
    certainty = logits.softmax(dim=-1).max(dim=-1).values
    for intent in range(4):
        own, all_of_it = learned[answers[learned] == intent], torch.nonzero(answers == intent)[:, 0]
        assert len(own) == (max(1, round(0.7 * len(all_of_it))) if len(all_of_it) else 0)
        left = [number for number in all_of_it.tolist() if number not in own.tolist()]
        assert not left or certainty[left].max() <= certainty[own].min()
        weights = more.weights[new][more.labels[new] == intent]
        assert weights.sum() <= told[intent] / 2 + 1e-6
        assert (weights <= 0.5).all()


def test_new_texts_are_taken_once_each_in_their_order():
    log = prepare_unlabelled(["b", {"text": "a  c"}, "b ", "known", "a c"], ["known", "other"])
    assert (log.texts, log.given) == (["b", "a  c"], 5)


def test_only_what_is_in_scope_is_accepted():
    logits = torch.tensor([[9.0, 0, 0], [0, 9, 0], [1, 1, 1], [0, 0, 9]])
    settings = Calibration(scope_location=6.0, scope_spread=1.0, threshold=0.5)
    assert accepted(logits, settings, []).tolist() == [True, True, False, True]
    assert accepted(logits, settings, [1]).tolist() == [True, False, False, True]


@pytest.mark.parametrize(
    ("method", "log"),
    [
        ("adapter", LOG),
        ("adapter", ["zebra", "cancel my", "xylophone? 99", "wer ist da"]),
        ("full", LOG),
        ("probe", LOG),
    ],
)
def test_an_agent_learns_from_a_log_or_stays_as_it_was(model, method, log):
    without = train(model, "without", method=method)
    result = train(model, "with", method=method, unlabelled=[*log, log[0], "취소"])
    found = result.unlabelled
    assert without.unlabelled is None
    assert (found.given, found.new) == (len(log) + 2, len(log))
    assert found.new >= found.accepted >= found.used
    first, second = (trained.model.adapter(trained.agent).tensors for trained in (without, result))
    moved = {name for name in first if not torch.equal(first[name], second[name])}
    if found.kept:
        assert found.used
        assert moved and all("head" in name for name in moved)
    else:
        assert found.accuracy_with is None or found.accuracy_with < found.accuracy_without
        assert not moved and result.calibration == without.calibration


def test_known_texts_alone_and_agents_of_single_utterances_learn_nothing(model):
    known = train(model, "known", unlabelled=["card?", " card? "]).unlabelled
    assert (known.given, known.new, known.kept, known.accuracy_with) == (2, 0, False, None)
    single = train(model, "single", [ROWS[0], ROWS[6]], unlabelled=LOG).unlabelled
    assert (single.new, single.used, single.kept, single.accuracy_without) == (6, 0, False, None)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"unlabelled": []}, DataError, "unlabelled: there are no utterances"),
        ({"unlabelled": ["a", " "]}, DataError, r"unlabelled\[1\]: the text is empty"),
        ({"unlabelled": "card"}, DataError, "give a list of texts"),
        ({"unlabelled": LOG, "calibrate": False}, ConfigError, "unlabelled needs the calibration"),
        ({"unlabelled": LOG, "regression_weight": 0}, ConfigError, "regression_weight=0"),
        ({"unlabelled": LOG, "config": BottleneckConfig(head="linear")}, ConfigError, "head='linear'"),
    ],
)
def test_logs_that_make_no_sense_are_refused(model, settings, error, message):
    with pytest.raises(error, match=message):
        train(model, "bank", **settings)
    assert not model.agents
