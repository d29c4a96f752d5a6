from __future__ import annotations

from pathlib import Path

import pytest

from intent_adapters import IntentModel, train_agent
from intent_adapters.errors import AgentError, ConfigError, DataError
from intent_adapters.evaluation import choose_threshold, evaluate
from tests.support.tiny import tiny_base

ROWS = [
    {"text": f"{verb} {thing}", "label": f"{label} it"}
    for label, verb in (("book", "i want to book"), ("cancel", "please cancel"), ("price", "what does it cost for"))
    for thing in ("a visit", "my card", "the room", "예약", "two tickets")
]
CHATTER = [f"{word} {word} zzz" for word in ("wolf", "moon", "snow", "film", "goal")]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> IntentModel:
    model = IntentModel(tiny_base(Path(tmp_path_factory.mktemp("base"))))
    train_agent(model, "shop", ROWS, method="probe", progress=False)
    return model


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.2, 0.5])
def test_no_more_than_the_wanted_share_is_rejected(model: IntentModel, rate: float):
    choice = choose_threshold(model, ROWS, rate=rate)
    measured = evaluate(model, ROWS, threshold=choice.threshold).rejection.false_rejection_rate
    assert measured == choice.false_rejection_rate <= rate
    assert choice.recall is None
    # A little more would reject one more.
    higher = evaluate(model, ROWS, threshold=min(choice.threshold + 1e-9, 1.0)).rejection.false_rejection_rate
    assert higher > rate


def test_the_best_balance_is_no_worse_than_any_other_threshold(model: IntentModel):
    choice = choose_threshold(model, ROWS, out_of_scope=CHATTER)
    assert choice.recall is not None
    best = choice.recall + 1 - choice.false_rejection_rate
    for other in [number / 50 for number in range(51)]:
        scores = evaluate(model, ROWS, out_of_scope=CHATTER, threshold=other)
        assert scores.out_of_scope is not None
        assert best >= scores.out_of_scope.recall + 1 - scores.rejection.false_rejection_rate - 1e-9


def test_a_threshold_is_set_and_kept(model: IntentModel, tmp_path: Path):
    model.set_threshold("shop", 0.9)
    assert evaluate(model, ROWS, "shop").threshold == 0.9
    model.save_adapter("shop", tmp_path / "shop")
    again = IntentModel(model.base)
    again.load_adapter(tmp_path / "shop")
    assert again.adapter("shop").config.calibration.threshold == 0.9
    assert not again.predict("please cancel").in_scope or again.predict("please cancel").scope_score >= 0.9
    again.set_threshold("shop", None)
    assert again.predict("wolf wolf zzz").in_scope


def test_what_makes_no_sense_is_refused(model: IntentModel):
    with pytest.raises(ConfigError, match="share of utterances that may be rejected, or utterances that are out of"):
        choose_threshold(model, ROWS)
    with pytest.raises(ConfigError, match=r"rate is a number in \[0, 1\), not 1"):
        choose_threshold(model, ROWS, rate=1)
    with pytest.raises(DataError, match="there are no utterances"):
        choose_threshold(model, ROWS, out_of_scope=[])
    with pytest.raises(ConfigError, match=r"threshold is a number in \[0, 1\], not 1\.5"):
        model.set_threshold("shop", 1.5)
    with pytest.raises(AgentError):
        model.set_threshold("nobody", 0.5)
