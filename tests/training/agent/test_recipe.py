"""The defaults that depend on the size of the data."""

from __future__ import annotations

import pytest

from intent_adapters.errors import ConfigError
from intent_adapters.training.agent.recipe import TEXTS_IN_TOTAL, recipe_for


@pytest.mark.parametrize(("texts", "intents", "epochs"), [(20, 2, 100), (200, 40, 21), (200, 90, 29), (1_000, 200, 8)])
def test_small_data_get_as_many_steps_as_larger_ones(texts, intents, epochs):
    assert recipe_for(texts, intents).epochs == epochs


@pytest.mark.parametrize("texts", [1_751, 1_996, 4_000])
def test_time_is_bounded_on_larger_data(texts):
    epochs = recipe_for(texts, 2).epochs
    assert epochs * texts <= TEXTS_IN_TOTAL < (epochs + 1) * texts


def test_a_large_data_set_is_still_seen_more_than_once():
    assert recipe_for(1_000_000, 2).epochs == 3


def test_what_the_caller_wants_wins():
    recipe = recipe_for(100, 2, epochs=2, batch_size=8, learning_rate=3e-4)
    assert (recipe.epochs, recipe.batch_size, recipe.learning_rate) == (2, 8, 3e-4)


@pytest.mark.parametrize(("texts", "intents"), [(20, 2), (200, 40), (1_000, 200), (4_000, 100)])
def test_effort_halves_and_doubles_the_time(texts, intents):
    fast, default, best = (recipe_for(texts, intents, effort=effort).epochs for effort in ("fast", "default", "best"))
    assert recipe_for(texts, intents).epochs == recipe_for(texts, intents, effort=None).epochs == default
    assert fast == pytest.approx(default / 2, abs=0.75)
    assert best == pytest.approx(default * 2, abs=1)


def test_epochs_of_ones_own_take_no_notice_of_effort():
    assert recipe_for(200, 40, effort="best", epochs=3).epochs == 3


@pytest.mark.parametrize("effort", ["slow", 2, True])
def test_there_are_three_efforts(effort):
    with pytest.raises(ConfigError, match="effort is one of fast, default, best"):
        recipe_for(100, 2, effort=effort)


def test_fine_tuning_takes_smaller_steps_for_the_encoder_only():
    adapter, full = recipe_for(100, 2), recipe_for(100, 2, full=True)
    assert full.learning_rate < adapter.learning_rate / 5
    assert full.head_learning_rate == adapter.head_learning_rate


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("epochs", 0),
        ("epochs", 1.5),
        ("epochs", True),
        ("batch_size", 2),
        ("batch_size", "16"),
        ("learning_rate", 0.0),
        ("learning_rate", 1.0),
        ("learning_rate", float("nan")),
        ("learning_rate", "fast"),
        ("label_smoothing", 1.0),
        ("circle_weight", -1),
        ("circle_gamma", 0),
        ("circle_margin", 1),
        ("circle_margin", -0.1),
        ("token_dropout", True),
        ("warmup", float("nan")),
    ],
)
def test_settings_out_of_range_are_named(setting, value):
    with pytest.raises(ConfigError, match=rf"{setting} is a .*, not {value!r}"):
        recipe_for(100, 2, **{setting: value})


def test_a_setting_that_there_is_not_names_those_that_there_are():
    with pytest.raises(ConfigError, match=r"'epoch'; .*effort, epochs, learning_rate"):
        recipe_for(100, 2, epoch=3)


def test_circle_loss_weighs_more_with_two_texts_per_intent():
    assert recipe_for(200, 100).circle_weight > recipe_for(500, 100).circle_weight > 0
    assert recipe_for(300, 100, names=100).circle_weight == recipe_for(200, 100).circle_weight
