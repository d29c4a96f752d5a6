"""Calibration: its arithmetic against slow references, what it holds out, and what it does to an agent."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from intent_adapters import IntentModel
from intent_adapters.bottleneck import Calibration
from intent_adapters.errors import ConfigError, DataError
from intent_adapters.training import train_agent
from intent_adapters.training.agent.calibration import calibrate_agent
from intent_adapters.training.agent.held_out import read_unseen
from intent_adapters.training.agent.mixtures import halves, mixtures
from intent_adapters.training.agent.scope import (
    carry_over,
    energies_of,
    fit_scope,
    fit_temperature,
    separating_threshold,
)
from tests.support.tasks import make_task
from tests.support.tiny import tiny_base

TEXTS = {
    "card_arrival": ["where is my card", "my card is not here", "card still missing", "no card yet", "card?"],
    "cancel_visit": ["cancel my visit", "please cancel", "예약 취소 해주세요", "취소", "i want to cancel it"],
    "price": ["how much is it", "what does it cost", "진료비 얼마", "price please", "is it 100 or 200"],
}
ROWS = [{"text": text, "label": label} for label, texts in TEXTS.items() for text in texts]
CHATTER = ["will it rain", "tell me a joke", "who won the game"]


def some_logits(rows=200, intents=6, seed=0, sharpness=1.0):
    draw = np.random.default_rng(seed)
    labels = draw.integers(intents, size=rows)
    logits = draw.normal(size=(rows, intents))
    logits[np.arange(rows), labels] += 1.5
    return torch.from_numpy(logits * sharpness), torch.from_numpy(labels)


def test_energies_are_the_log_of_a_sum():
    logits, _ = some_logits(5)
    expected = [math.log(sum(math.exp(value / 0.7) for value in row)) for row in logits.tolist()]
    assert energies_of(logits, 0.7).tolist() == pytest.approx(expected)


@pytest.mark.parametrize("sharpness", [0.2, 1.0, 8.0])
def test_no_other_temperature_makes_the_labels_more_likely(sharpness):
    logits, labels = some_logits(sharpness=sharpness)
    found = fit_temperature(logits, labels)
    doubt = 1 / (len(labels) + 2)

    def loss(temperature):
        total = 0.0
        for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
            energy = math.log(sum(math.exp(value / temperature) for value in row))
            for place, value in enumerate(row):
                wanted = doubt / len(row) + (1 - doubt) * (place == label)
                total += wanted * (energy - value / temperature)
        return total

    assert loss(found) < min(loss(found * 1.05), loss(found / 1.05))


@given(st.floats(0.1, 10))
@settings(max_examples=20, deadline=None)
def test_the_temperature_takes_up_the_scale_of_the_logits(factor):
    logits, labels = some_logits()
    assert fit_temperature(logits * factor, labels) == pytest.approx(fit_temperature(logits, labels) * factor)


@pytest.mark.parametrize("rows", [1, 4, 200])
def test_without_a_single_mistake_some_doubt_remains(rows):
    labels = torch.arange(rows) % 3
    logits = torch.eye(3)[labels] * 5
    top = torch.softmax(logits / fit_temperature(logits, labels), dim=-1).max()
    assert float(top) == pytest.approx((rows + 1) / (rows + 2) + 1 / (rows + 2) / 3, abs=1e-3)


@given(st.integers(1, 300), st.floats(0.01, 0.4), st.integers(0, 20))
@settings(max_examples=60, deadline=None)
def test_the_scope_score_at_the_quantile_is_the_rate(rows, rate, seed):
    energies = torch.from_numpy(np.random.default_rng(seed).normal(size=rows))
    location, spread = fit_scope(energies, rate)
    scores = torch.sigmoid((energies - location) / spread)
    assert location == pytest.approx(float(np.median(energies)))
    assert abs(float((scores < rate).double().mean()) - rate) <= 1 / rows
    assert spread > 0
    if spread > 1e-3:
        at_quantile = (np.quantile(energies, rate) - location) / spread
        assert 1 / (1 + math.exp(-at_quantile)) == pytest.approx(rate)
    assert torch.equal(scores.argsort(stable=True), energies.argsort(stable=True))


def test_equal_energies_have_a_spread_all_the_same():
    location, spread = fit_scope(torch.full((9,), 2.0, dtype=torch.float64), 0.05)
    assert (location, spread) == (2.0, 1e-3)


SCORES = st.lists(st.integers(0, 12).map(lambda value: value / 12), min_size=1, max_size=12)


@given(SCORES, SCORES)
@settings(max_examples=100, deadline=None)
def test_no_threshold_separates_better(inside, outside):
    found = separating_threshold(*(torch.tensor(scores, dtype=torch.float64) for scores in (inside, outside)))

    def balanced(cut):
        return np.mean([score >= cut for score in inside]) + np.mean([score < cut for score in outside])

    assert balanced(found) == pytest.approx(max(balanced(cut / 48) for cut in range(49)))
    assert 0 <= found <= 1


def test_a_threshold_between_two_groups_is_in_the_middle_of_the_gap():
    assert separating_threshold(torch.tensor([0.5, 0.9]), torch.tensor([0.1, 0.3])) == pytest.approx(0.4)


def test_values_are_carried_over_by_quantiles():
    draw = torch.Generator().manual_seed(0)
    source = torch.randn(300, generator=draw, dtype=torch.float64)
    values = torch.tensor([-0.7, 0.0, 1.2], dtype=torch.float64)
    assert carry_over(values, source, source).tolist() == pytest.approx(values.tolist())
    moved = carry_over(values, source, source[torch.randperm(300, generator=draw)] * 2 - 3)
    assert moved.tolist() == pytest.approx((values * 2 - 3).tolist())


def test_carrying_over_keeps_the_order_and_shifts_what_lies_outside():
    draw = torch.Generator().manual_seed(0)
    source, target = (torch.randn(rows, generator=draw, dtype=torch.float64) for rows in (80, 50))
    values = torch.linspace(-9, 9, 200, dtype=torch.float64)
    moved = carry_over(values, source, target)
    assert bool((moved[1:] > moved[:-1]).all())
    assert float(moved[0]) == pytest.approx(-9 + float(target.min() - source.min()))
    assert float(moved[-1]) == pytest.approx(9 + float(target.max() - source.max()))


def test_repeated_and_single_samples_can_be_carried_over():
    ones = torch.ones(5, dtype=torch.float64)
    assert carry_over(ones * 3, ones, ones * 2).tolist() == pytest.approx([4.0] * 5)
    assert carry_over(ones, ones[:1], ones[:1] + 1).tolist() == pytest.approx([2.0] * 5)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("cancel my visit", ("cancel", "my visit")),
        ("  please cancel ", ("please", "cancel")),
        ("예약 취소 해주세요", ("예약 취소", "해주세요")),
        ("予約を取り消す", ("予約を取", "り消す")),
        ("x", ("x", "")),
    ],
)
def test_halves(text, parts):
    assert halves(text) == parts


def test_mixtures_are_of_two_intents_and_the_same_every_time():
    task = make_task([3, 3, 2], names=3)
    mixed = mixtures(task, 100, seed=1)
    assert len(mixed) == 100
    assert mixed == mixtures(task, 100, seed=1) != mixtures(task, 100, seed=2)
    possible = {
        f"{halves(task.texts[a])[0]} {halves(task.texts[b])[1]}"
        for a, b in itertools.permutations(range(task.utterances), 2)
        if task.labels[a] != task.labels[b]
    }
    assert set(mixed) <= possible


def reader(task, spread=1.0):
    """An agent that knows the intents of the task's texts by their numbers, and is noisy."""

    def read(texts):
        rows = []
        for text in texts:
            draw = np.random.default_rng(sum(text.encode()))
            rows.append(draw.normal(size=len(task.intents)) * spread)
            numbers = [int(word) for word in text.split() if word.isdigit()]
            if numbers and numbers[0] < len(task.labels):
                rows[-1][task.labels[numbers[0]]] += 4
        return torch.from_numpy(np.array(rows)).float()

    return read


def embed(texts):
    """Embeddings that depend on the text alone."""
    return torch.from_numpy(
        np.array([np.random.default_rng(sum(text.encode())).normal(size=6) for text in texts])
    ).float()


def calibrate(task, refit=None, read=None, **settings):
    read = read or reader(task)
    found = read_unseen(task, read, refit, seed=0)
    return calibrate_agent(task, read, found, embed, seed=0, **{"false_rejection_rate": 0.05, **settings})


def test_cross_validation_trains_on_the_others_and_reads_the_held_out():
    task, parts = make_task([6, 6, 6], names=3), []

    def refit(part):
        parts.append(part)
        return reader(task)

    found = calibrate(task, refit, false_rejection_rate=0.1)
    assert (found.source, found.texts, found.settings.threshold) == ("cross-validation", 18, 0.1)
    assert [(len(part.texts), part.names) for part in parts] == [(12, 3), (12, 3)]
    assert set(parts[0].texts) | set(parts[1].texts) == set(task.texts)
    assert set(parts[0].texts) & set(parts[1].texts) == set(task.texts[18:])
    assert 0.5 < found.accuracy <= 1


def test_the_scope_follows_the_level_of_the_agents_energies():
    """An agent whose logits are all higher by 3 finds the same utterances in scope."""
    task = make_task([20] * 4)
    read = reader(task)

    def higher(texts):
        return read(texts) + 3

    one, other = (calibrate(task, lambda part, some=some: some, read=some).settings for some in (read, higher))
    assert other.temperature == pytest.approx(one.temperature)
    assert other.scope_location == pytest.approx(one.scope_location + 3 / one.temperature, abs=1e-4)
    assert other.scope_spread == pytest.approx(one.scope_spread, abs=1e-4)


def test_utterances_of_a_catch_all_do_not_count_as_the_agents_own():
    task = make_task([40, 40, 40])
    logits = torch.full((120, 3), -1.0)
    logits[torch.arange(120), task.labels] = torch.where(task.labels == 2, 20.0, 5.0)
    checked = dataclasses.replace(task, validation=(task.texts, task.labels))
    plain, without = (
        calibrate(dataclasses.replace(checked, catch_all=catch_all), read=lambda texts: logits).settings
        for catch_all in ((), (2,))
    )
    assert without.scope_location == pytest.approx(5 / without.temperature, abs=0.1)
    assert without.temperature == plain.temperature


def scope_scores_of(found, logits):
    settings = found.settings
    return torch.sigmoid((energies_of(logits, settings.temperature) - settings.scope_location) / settings.scope_spread)


def test_enough_validation_rows_make_cross_validation_needless():
    task = make_task([40, 40, 40])
    found = calibrate(dataclasses.replace(task, validation=(task.texts[:100], task.labels[:100])))
    assert (found.source, found.texts) == ("validation", 100)
    logits = reader(task)(task.texts[:100])
    assert int((scope_scores_of(found, logits) < found.settings.threshold).sum()) == 5


def test_out_of_scope_texts_set_the_threshold_alone():
    task = make_task([40, 40, 40])
    checked = dataclasses.replace(task, validation=(task.texts, task.labels))
    plain, better = calibrate(checked), calibrate(checked, out_of_scope=CHATTER)
    assert dataclasses.replace(better.settings, threshold=plain.settings.threshold) == plain.settings
    foreign = scope_scores_of(plain, reader(task)(CHATTER))
    assert 0 < better.settings.threshold < 1
    assert (foreign < better.settings.threshold).any()
    assert better.settings.threshold != plain.settings.threshold


def test_where_nothing_can_be_held_out_nothing_is_learned():
    assert calibrate(make_task([1, 1, 1])) is None


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("base")


@pytest.fixture
def model(folder):
    return IntentModel(tiny_base(folder))


def train(model, name="bank", rows=ROWS, **changes):
    return train_agent(model, name, rows, **{"progress": False, "epochs": 2, **changes})


@pytest.mark.parametrize("method", ["adapter", "full", "probe"])
def test_every_method_is_calibrated_and_says_so(model, method, tmp_path):
    result = train(model, method=method)
    found, config = result.calibration, result.config
    assert (found.source, found.texts) == ("cross-validation", 15)
    assert (config.calibration, config.calibration.threshold) == (found.settings, 0.05)
    result.model.save_adapter("bank", tmp_path / "bank")
    result.model.load_adapter(tmp_path / "bank", name="again")
    one, two = (result.model.predict("where is my card", name) for name in ("bank", "again"))
    assert (one.scope_score, one.score, one.in_scope) == (two.scope_score, two.score, two.in_scope)
    assert one.scope_score != one.score


def test_calibration_leaves_the_bottlenecks_alone_and_can_be_left_out(model):
    first = train(model)
    plain = train(model, name="plain", calibrate=False)
    assert plain.calibration is None
    assert plain.config.calibration == Calibration()
    one, two = model.adapter("bank").tensors, model.adapter("plain").tensors
    assert all(torch.equal(one[name], two[name]) for name in one if "bottleneck_head" not in name)
    again = train(model, name="again")
    assert again.calibration == first.calibration


def test_a_rate_and_out_of_scope_texts_change_the_threshold_only(model):
    plain, rare = train(model, method="probe"), train(model, name="rare", method="probe", false_rejection_rate=0.2)
    assert (plain.config.calibration.threshold, rare.config.calibration.threshold) == (0.05, 0.2)
    texts = train(model, name="texts", method="probe", out_of_scope=CHATTER)
    rows = train(model, name="rows", method="probe", out_of_scope=[{"text": text, "label": "oos"} for text in CHATTER])
    assert texts.calibration == rows.calibration
    assert texts.config.calibration.temperature == plain.config.calibration.temperature
    assert texts.config.calibration.threshold != plain.config.calibration.threshold


def test_one_utterance_per_intent_leaves_an_agent_uncalibrated(model):
    rows = [{"text": "my card", "label": "card"}, {"text": "cancel", "label": "cancel"}]
    result = train(model, rows=rows)
    assert result.calibration is None
    assert model.predict("hello", "bank").in_scope


@pytest.mark.parametrize("method", ["adapter", "full", "probe"])
def test_out_of_scope_texts_give_a_threshold_with_one_utterance_per_intent(model, method):
    rows = [{"text": texts[0], "label": label} for label, texts in TEXTS.items()]
    result = train(model, rows=rows, method=method, out_of_scope=CHATTER)
    found, config = result.calibration, result.config
    assert (found.source, found.accuracy, found.settings.temperature) == ("mixtures", None, 1.0)
    assert config.calibration == found.settings
    assert 0 < found.settings.threshold < 1
    in_scope = [answer.in_scope for answer in result.model.predict(CHATTER, "bank")]
    assert sum(in_scope) < len(CHATTER) / 2


@pytest.mark.parametrize("rate", [0, 0.5, -0.1, 2, float("nan"), "5%", None, True])
def test_rates_that_are_none_are_refused(model, rate):
    with pytest.raises(ConfigError, match="false_rejection_rate"):
        train(model, false_rejection_rate=rate)
    assert model.agents == ()


@pytest.mark.parametrize(
    ("error", "message", "settings_"),
    [
        (ConfigError, "out_of_scope needs the calibration", {"out_of_scope": CHATTER, "calibrate": False}),
        (DataError, "out_of_scope: there are no utterances", {"out_of_scope": []}),
        (DataError, "out_of_scope: cannot read texts from str 'rain'", {"out_of_scope": "rain"}),
        (DataError, r"out_of_scope\[1\]: the text is missing", {"out_of_scope": [{"text": "rain"}, {"label": "x"}]}),
        (DataError, "training texts too, the first is 'card\\?'", {"out_of_scope": ["rain", "card?"]}),
        (DataError, "training texts too, the first is 'no  card yet'", {"out_of_scope": ["rain", "no  card yet"]}),
        (DataError, r"out_of_scope\[1\]: the text is empty", {"out_of_scope": ["rain", " "]}),
    ],
)
def test_out_of_scope_texts_that_make_no_sense_are_refused(model, error, message, settings_):
    with pytest.raises(error, match=message):
        train(model, **settings_)
    assert model.agents == ()
