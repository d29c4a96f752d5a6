"""`train_agent` on a tiny random base: what it learns, what it leaves alone, and what it refuses."""

from __future__ import annotations

import dataclasses
import random
import socket
import warnings

import huggingface_hub.constants
import numpy as np
import pytest
import torch
import transformers.integrations.peft
from sklearn.linear_model import LogisticRegression

from intent_adapters import BottleneckConfig, IntentModel
from intent_adapters.errors import AgentError, BaseMismatchError, ConfigError, DataError
from intent_adapters.training import train_agent
from intent_adapters.training.agent import methods
from tests.support.tiny import tiny_base

TEXTS = {
    "card_arrival": ["where is my card", "my card is not here", "card still missing", "no card yet", "card?"],
    "cancel_visit": ["cancel my visit", "please cancel", "예약 취소 해주세요", "취소", "i want to cancel it"],
    "price": ["how much is it", "what does it cost", "진료비 얼마", "price please", "is it 100 or 200"],
}
ROWS = [{"text": text, "label": label} for label, texts in TEXTS.items() for text in texts]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("base")


@pytest.fixture
def model(folder):
    return IntentModel(tiny_base(folder), name="org/tiny", revision="abc")


def train(model, rows=ROWS, name="bank", **settings):
    # Calibration has its own tests.
    return train_agent(model, name, rows, **{"progress": False, "calibrate": False, **settings})


def right(model, rows=ROWS, agent="bank"):
    answers = model.predict([row["text"] for row in rows], agent)
    return np.mean([answer.label == row["label"] for answer, row in zip(answers, rows, strict=True)])


def same_bits(one, other):
    assert one.tensors.keys() == other.tensors.keys()
    return all(torch.equal(one.tensors[name], other.tensors[name]) for name in one.tensors)


@pytest.mark.parametrize("method", ["adapter", "full", "probe"])
def test_every_method_learns_its_training_texts(model, method):
    result = train(model, method=method, learning_rate=5e-3, epochs=60, label_names=True)
    assert result.method == method
    assert right(result.model) > 0.9


def test_the_adapter_says_what_it_was_trained_on_and_survives_saving(model, tmp_path):
    result = train(model, epochs=2)
    config = model.adapter("bank").config
    assert config == result.config
    assert config.labels == sorted(TEXTS)
    assert (config.base_model_name_or_path, config.revision) == ("org/tiny", "abc")
    assert config.provenance.base_fingerprint == model.fingerprint
    model.save_adapter("bank", tmp_path / "bank")
    model.load_adapter(tmp_path / "bank", name="again")
    first, second = (model.predict("where is my card", name) for name in ("bank", "again"))
    assert first.top_k == second.top_k


def test_the_result_is_shown_in_one_line(model):
    result = dataclasses.replace(train(model, method="probe"), accuracies={"probe": 0.87654}, seconds=1.234)
    assert repr(result) == "TrainingResult(agent='bank', method='probe', texts=15, accuracy=0.877, seconds=1.2)"
    assert "accuracy" not in repr(dataclasses.replace(result, accuracies={}))


def test_training_moves_every_tensor(model):
    trained = train(model, epochs=3).model.adapter("bank").tensors
    assert len(trained) == 2 * 2 * 4 + 2  # layers, sites, tensors of a bottleneck; head
    for name, tensor in trained.items():
        if ".intent_bottleneck_up." in name or name.endswith("down.bias"):
            assert tensor.abs().sum() > 0, name  # they start at zero
        assert tensor.isfinite().all(), name


def test_base_and_other_agents_are_left_alone(model):
    train(model, name="first", epochs=1)
    before = {name: tensor.clone() for name, tensor in model.base.state_dict().items()}
    answer = model.predict("cancel", "first").top_k
    train(model, name="second", epochs=2)
    assert model.agents == ("first", "second")
    after = model.base.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not any(parameter.requires_grad or parameter.grad is not None for parameter in model.base.parameters())
    assert not model.base.training
    assert model.predict("cancel", "first").top_k == answer


@pytest.mark.parametrize("method", ["adapter", "full", "probe"])
def test_the_same_seed_gives_the_same_bits(model, method):
    results = [train(model, name=name, method=method, seed=3, epochs=2) for name in ("a", "b")]
    assert same_bits(*(result.model.adapter(result.agent) for result in results))


def test_another_seed_gives_other_weights(model):
    for seed in (1, 2):
        train(model, name=f"seed {seed}", seed=seed, epochs=1)
    assert not same_bits(model.adapter("seed 1"), model.adapter("seed 2"))


def test_the_callers_random_numbers_are_left_alone(model):
    def draw():
        return random.random(), np.random.random(), torch.rand(1).item()  # noqa: NPY002

    def seed_all():
        random.seed(5), np.random.seed(5), torch.manual_seed(5)  # noqa: NPY002

    seed_all()
    expected = draw()
    seed_all()
    train(model, epochs=1)
    assert draw() == expected


def test_nothing_is_printed_warned_or_left_behind(model, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(model, epochs=2, calibrate=True)
    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []


def test_progress_bars_are_on_stderr(model, capfd):
    train(model, epochs=2, progress=True, calibrate=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert {line.split(":")[0].strip() for line in err.replace("\r", "\n").split("\n") if line.strip()} == {
        "training 'bank'",
        "calibrating 'bank'",
    }
    assert "100%" in err and "loss=" in err


def test_progress_can_be_told(model, capfd):
    told: list[tuple[str, int, int]] = []
    result = train(model, epochs=2, progress=lambda *step: told.append(step), calibrate=True)
    assert capfd.readouterr() == ("", "")
    steps = [(step, of) for doing, step, of in told if doing == "training"]
    assert steps == [(number, len(steps)) for number in range(1, len(steps) + 1)]
    assert {doing for doing, _, _ in told} == {"training", "calibrating"}
    assert result.epochs == 2


def test_progress_can_end_it(model):
    def stop(doing: str, step: int, steps: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(model, progress=stop)
    assert "bank" not in model.agents


def test_the_probe_is_logistic_regression(model):
    train(model, method="probe")
    embeddings = model.encode([row["text"] for row in ROWS])
    expected = LogisticRegression(C=10, max_iter=1000).fit(embeddings, [row["label"] for row in ROWS])
    answer = model.predict("where is my visit", "bank", top_k=3)
    scores = dict(zip(expected.classes_, expected.predict_proba(model.encode(["where is my visit"]))[0], strict=True))
    assert dict(answer.top_k) == pytest.approx(scores, abs=1e-3)


def test_the_probe_of_two_intents_has_two_rows(model):
    rows = [row for row in ROWS if row["label"] != "price"]
    train(model, rows, method="probe")
    embeddings = model.encode([row["text"] for row in rows])
    expected = LogisticRegression(C=10, max_iter=1000).fit(embeddings, [row["label"] for row in rows])
    answer = model.predict("card", "bank", top_k=2)
    scores = dict(zip(expected.classes_, expected.predict_proba(model.encode(["card"]))[0], strict=True))
    assert dict(answer.top_k) == pytest.approx(scores, abs=1e-3)


def test_fine_tuning_gives_a_new_model_on_a_base_of_its_own(model):
    result = train(model, method="full", epochs=2)
    assert result.model is not model
    assert model.agents == ()
    assert result.model.agents == ("bank",)
    assert result.model.fingerprint != model.fingerprint
    assert result.config.provenance.base_fingerprint == result.model.fingerprint
    tuned, original = result.model.base.state_dict(), model.base.state_dict()
    assert tuned.keys() == original.keys()
    assert not torch.equal(tuned[name := next(n for n in tuned if "query.weight" in n)], original[name])
    with pytest.raises(BaseMismatchError):
        model.add_agent("stray", result.model.adapter("bank"))


def test_with_validation_the_best_epoch_is_kept(model):
    held_out = [{"text": "where is it, my card", "label": "card_arrival"}, {"text": "cancel", "label": "cancel_visit"}]
    result = train(model, validation=held_out, epochs=4)
    assert 1 <= result.epochs <= 4
    assert result.validation_accuracy == right(model, held_out)


@pytest.mark.parametrize("head", ["cosine", "linear"])
@pytest.mark.parametrize("sites", ["houlsby", "pfeiffer", "parallel", "none"])
def test_validation_accuracy_during_training_is_that_of_the_finished_agent(model, head, sites):
    config = BottleneckConfig(labels=sorted(TEXTS), sites=sites, head=head, prompt="ask: ")
    result = train(model, config=config, validation=ROWS, epochs=1)
    assert result.validation_accuracy == pytest.approx(right(model))
    stored = {"cosine": "normalized_linear", "linear": "linear"}[head]  # a regression has joined the cosine head
    assert (result.config.head, result.config.sites, result.config.prompt) == (stored, sites, "ask: ")


def test_dropout_of_the_adapter_is_active_in_training(model):
    for dropout in (0.0, 0.5):
        train(model, name=f"dropout {dropout}", config=BottleneckConfig(dropout=dropout), epochs=1)
    assert not same_bits(model.adapter("dropout 0.0"), model.adapter("dropout 0.5"))


def test_without_circle_loss_only_cross_entropy_is_left(model):
    both, alone = train(model, epochs=1), train(model, name="alone", circle_weight=0.0, epochs=1)
    assert both.losses.keys() == {"loss", "cross_entropy", "circle"}
    assert alone.losses.keys() == {"loss", "cross_entropy"}
    assert alone.recipe.circle_weight == 0


def test_label_names_become_utterances_on_request_only(model):
    plain = train(model, label_names=False, epochs=1)
    named = train(model, name="named", label_names=True, epochs=1)
    assert (plain.label_names, plain.texts) == (False, 15)
    assert (named.label_names, named.texts) == (True, 18)


@pytest.mark.parametrize("labels", [("x", "y"), ("1", "0"), ("step_1", "step_2")])
def test_the_names_of_two_intents_are_no_evidence_of_their_meaning(model, labels):
    rows = [{"text": text, "label": labels[number > 1]} for number, text in enumerate(["yes", "sure", "no", "never"])]
    assert not train(model, rows=rows, epochs=1, calibrate=False).label_names


def test_the_order_of_given_labels_is_kept(model):
    order = ["price", "card_arrival", "cancel_visit"]
    train(model, config=BottleneckConfig(labels=order), epochs=1)
    assert model.labels("bank") == order


def test_the_given_config_is_not_changed(model):
    config = BottleneckConfig(bottleneck_size=4)
    train(model, config=config, epochs=1)
    assert config == BottleneckConfig(bottleneck_size=4)


UNBALANCED = [{"text": "x" * n, "label": "often"} for n in range(1, 40)] + [{"text": "예약", "label": "once"}]
ONCE_EACH = [{"text": f"text {n}", "label": f"intent {n}"} for n in range(9)]
ODD = [{"text": f"{label} {n}", "label": label} for label in "ab" for n in range(17)]
MANY = [{"text": f"{label} {n}", "label": str(label)} for label in range(1000) for n in range(2)]


@pytest.mark.parametrize(
    "rows", [UNBALANCED, ONCE_EACH, ODD, MANY, ROWS[:1] + ROWS[-1:]], ids=["unbalanced", "once", "odd", "many", "two"]
)
def test_data_of_any_shape_train(model, rows):
    result = train(model, rows, epochs=1, batch_size=64)
    assert set(model.labels("bank")) == {row["label"] for row in rows}
    assert all(np.isfinite(list(result.losses.values())))


def test_the_order_of_the_rows_does_not_order_the_labels(model):
    train(model, ROWS[::-1], epochs=1)
    assert model.labels("bank") == sorted(TEXTS)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"method": "lora"}, ConfigError, "adapter, full, probe"),
        ({"seed": -1}, ConfigError, "seed is a whole number"),
        ({"seed": 1.5}, ConfigError, "seed is a whole number"),
        ({"epochs": 0}, ConfigError, "epochs is a"),
        ({"batch_size": 1}, ConfigError, "batch_size is a"),
        ({"learning_rate": -1.0}, ConfigError, "learning_rate is a"),
        ({"circle_weight": -1.0}, ConfigError, "circle_weight"),
        ({"config": BottleneckConfig(labels=["price", "other"])}, ConfigError, "differ, for one in 'cancel_visit'"),
        ({"config": {"bottleneck_size": 4}}, ConfigError, "must be a BottleneckConfig, but it is of type dict"),
        ({"validation": [{"text": "hello", "label": "greeting"}]}, DataError, "'greeting'"),
        ({"validation": []}, DataError, "validation: there are no rows"),
        ({"rows": []}, DataError, "no rows"),
        ({"rows": ROWS[:5]}, DataError, "intent|label"),
        ({"rows": [{"text": "", "label": "a"}, {"text": "b", "label": "b"}]}, DataError, "empty"),
        ({"name": "no/slash"}, AgentError, "cannot name"),
        ({"name": "taken"}, AgentError, "already"),
    ],
)
def test_wrong_arguments_are_refused_and_leave_the_model_as_it_was(model, settings, error, message):
    train(model, name="taken", method="probe")
    agent = model.adapter("taken")
    with pytest.raises(error, match=message):
        train(model, **settings)
    assert model.agents == ("taken",)
    assert model.adapter("taken") is agent


def test_an_agent_is_replaced_on_request(model):
    train(model, epochs=1, seed=0)
    train(model, epochs=1, seed=1, replace=True)
    assert model.agents == ("bank",)


def test_training_asks_no_permission_of_transformers(model, tmp_path, monkeypatch):
    """transformers 5.24 takes adapters only beside a PEFT that did not exist when it was released."""

    def refuse(min_version: str) -> None:
        raise ValueError(f"please use a version >= {min_version}")

    monkeypatch.setattr(transformers.integrations.peft, "check_peft_version", refuse)
    train(model, epochs=1)
    model.save_adapter("bank", tmp_path / "bank")
    loaded = IntentModel(tiny_base(tmp_path / "base"))
    loaded.load_adapter(tmp_path / "bank")
    assert loaded.predict(TEXTS["price"]) == model.predict(TEXTS["price"], "bank")


def test_training_looks_nothing_up_on_the_hub(model, monkeypatch):
    def connect(*_: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    train(model, epochs=1)


def test_modules_that_all_agents_share_cannot_be_trained(model):
    with pytest.raises(ConfigError, match=r"modules_to_save=\['pooler'\] would change modules that all agents share"):
        train(model, config=BottleneckConfig(modules_to_save=["pooler"]))
    assert model.agents == ()


def test_a_bottleneck_size_of_ones_own_changes_nothing_else(model, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    plain, sized = (
        train(model, epochs=1),
        train(model, name="sized", epochs=1, config=BottleneckConfig(bottleneck_size=8)),
    )
    assert sized.recipe == plain.recipe
    assert dataclasses.replace(sized.config, bottleneck_size=16) == plain.config
    assert plain.config.provenance.training["epochs"] == 1


@pytest.mark.parametrize("method", ["adapter", "full", "probe"])
def test_a_result_of_every_method_is_saved_and_answers_the_same(model, tmp_path, method):
    model.save_base(tmp_path / "base")
    owner = IntentModel.from_pretrained(tmp_path / "base", device="cpu")
    result = train(owner, method=method, epochs=2)
    result.save(tmp_path / "agent")
    loaded = IntentModel.from_pretrained(adapter=tmp_path / "agent", device="cpu")
    texts = [row["text"] for row in ROWS]
    assert [answer.top_k for answer in loaded.predict(texts)] == [
        answer.top_k for answer in result.model.predict(texts, "bank")
    ]
    result.save(tmp_path / "agent")  # once more, in place of itself


ABOUT = {"price": ["what a visit costs", "비용"], "card_arrival": "the card that was sent"}


def test_descriptions_are_training_texts_and_stay_with_the_agent(model, tmp_path):
    plain = train(model, method="probe", label_names=False)
    told = train(model, name="told", method="probe", label_names=False, descriptions=ABOUT)
    assert (plain.texts, told.texts) == (15, 18)
    assert plain.config.descriptions is None
    assert told.config.descriptions == {
        "price": ["what a visit costs", "비용"],
        "card_arrival": ["the card that was sent"],
    }
    embeddings = model.encode([*(row["text"] for row in ROWS), *ABOUT["price"], ABOUT["card_arrival"]])
    labels = [*(row["label"] for row in ROWS), "price", "price", "card_arrival"]
    expected = LogisticRegression(C=10, max_iter=1000).fit(embeddings, labels).predict_proba(model.encode(["비용"]))[0]
    assert dict(model.predict("비용", "told", top_k=3).top_k) == pytest.approx(
        dict(zip(sorted(TEXTS), expected, strict=True)), abs=1e-3
    )
    model.save_adapter("told", tmp_path / "told")
    model.load_adapter(tmp_path / "told", name="again")
    assert model.adapter("again").config.descriptions == told.config.descriptions


def test_what_is_an_utterance_already_does_not_count_twice(model):
    told = train(model, method="probe", label_names=False, descriptions={"price": [" how  much is it", "new", "new"]})
    assert told.texts == 16


def test_a_config_may_bring_descriptions_and_catch_all(model):
    first = train(model, method="probe", label_names=False, descriptions=ABOUT, catch_all=["price"])
    again = train(model, name="again", method="probe", label_names=False, config=first.config)
    assert (again.texts, again.config.descriptions, again.config.catch_all) == (
        18,
        first.config.descriptions,
        ["price"],
    )


@pytest.mark.parametrize(
    ("descriptions", "message"),
    [
        ({"refund": "money back"}, "'refund' is no intent of the rows"),
        ({"price": ""}, "text is empty"),
        ({"price": ["costs", "\u200b"]}, "text is empty"),
        ({"price": ["costs", 5]}, "not a string but int 5"),
        ({"price": None}, "text is missing"),
        ({"price": []}, "there is no text"),
        ({"price": "half \ud83d"}, "surrogate"),
        ({"price": "where is my card"}, "'where is my card' is an utterance of 'card_arrival'"),
        ({5: "costs"}, "'5' is no intent"),
        ([("price", "costs")], "must be a mapping"),
    ],
)
def test_descriptions_that_cannot_be_used_add_nothing(model, descriptions, message):
    with pytest.raises(DataError, match=message):
        train(model, descriptions=descriptions)
    assert model.agents == ()


@pytest.mark.parametrize("label", ["None", "fallback", "OutOfScope", "out_of_scope", "기타", "nlu_fallback"])
def test_a_catch_all_is_known_by_its_name(model, label):
    rows = [{**row, "label": label if row["label"] == "price" else row["label"]} for row in ROWS]
    assert train(model, rows, method="probe").config.catch_all == [label]
    assert train(model, rows, method="probe", catch_all=[], replace=True).config.catch_all is None


@pytest.mark.parametrize("calibrate", [True, False])
def test_an_answer_with_a_catch_all_is_out_of_scope(model, calibrate, tmp_path):
    result = train(model, catch_all=["price"], calibrate=calibrate, epochs=20)
    assert result.config.catch_all == ["price"]
    texts = [row["text"] for row in ROWS]
    answers = model.predict(texts, "bank", threshold=0.0)
    assert {answer.label for answer in answers} == set(TEXTS)
    assert all(answer.in_scope == (answer.label != "price") for answer in answers)
    model.save_adapter("bank", tmp_path / "bank")
    model.load_adapter(tmp_path / "bank", name="again")
    assert [answer.in_scope for answer in model.predict(texts, "again", threshold=0.0)] == [
        answer.in_scope for answer in answers
    ]


@pytest.mark.parametrize("catch_all", [["refund"], "price", ["price", "refund"]])
def test_a_catch_all_that_is_no_intent_is_refused(model, catch_all):
    with pytest.raises(ConfigError, match="catch_all must be a list of intents of the rows"):
        train(model, catch_all=catch_all)
    assert model.agents == ()


@pytest.fixture
def during(monkeypatch):
    """What to do when the training of an adapter begins, in place of `None`."""
    todo = []
    run_training = methods.run_training

    def watched(*arguments, **settings):
        for act in todo:
            act()
        return run_training(*arguments, **settings)

    monkeypatch.setattr(methods, "run_training", watched)
    return todo


@pytest.mark.parametrize("calibrate", [True, False])
def test_an_instant_agent_answers_as_the_probe_while_the_adapter_trains(model, during, calibrate):
    heads = []
    during.append(lambda: heads.append((model.adapter("bank").config.head, right(model) > 0.5)))
    train(model, instant=True, calibrate=calibrate, epochs=2)
    assert set(heads) == {("linear", True)}
    assert model.adapter("bank").config.head == "normalized_linear"
    assert model.agents == ("bank",)


def test_without_instant_no_agent_answers_before_its_time(model, during):
    seen = []
    during.append(lambda: seen.append(model.agents))
    train(model, epochs=1, calibrate=True)
    assert set(seen) == {()}


def test_an_instant_agent_goes_away_if_training_fails(model, during):
    def fail():
        assert model.agents == ("bank",)
        raise KeyboardInterrupt

    during.append(fail)
    with pytest.raises(KeyboardInterrupt):
        train(model, instant=True)
    assert model.agents == ()


def test_an_instant_agent_takes_no_ones_place(model, during):
    train(model, method="probe")
    first = model.adapter("bank")
    seen = []
    during.append(lambda: seen.append(model.adapter("bank") is first))
    train(model, instant=True, replace=True, epochs=1)
    assert seen == [True]
    assert model.adapter("bank") is not first


def test_an_agent_that_came_meanwhile_is_not_replaced(model, during):
    train(model, name="other", method="probe")
    during.append(lambda: model.add_agent("bank", model.adapter("other")))
    with pytest.raises(AgentError, match="already"):
        train(model, epochs=1)
    assert model.adapter("bank") is model.adapter("other")


# Intents that even a random encoder can tell apart.
EASY = [
    {"text": f"{sign} " * n + extra, "label": f"of {sign}"} for sign in "az얼" for n in (3, 5, 7) for extra in "!?"
]
DESTRUCTIVE = {"learning_rate": 0.5, "head_learning_rate": 0.9, "regression_weight": 0.0, "epochs": 10}


def test_where_the_adapter_loses_the_probe_is_kept_and_said_so(model, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    result = train(model, EASY, calibrate=True, **DESTRUCTIVE)
    assert result.method == "probe"
    assert result.accuracies.keys() == {"adapter", "probe"}
    assert result.accuracies["adapter"] < result.accuracies["probe"]
    assert (result.epochs, result.losses) == (0, {})
    assert result.config == model.adapter("bank").config
    probe = train(model, EASY, name="probe", method="probe", calibrate=True, **DESTRUCTIVE)
    assert same_bits(model.adapter("bank"), model.adapter("probe"))
    assert result.config == probe.config
    assert (result.calibration, result.config.provenance.training["method"]) == (probe.calibration, "probe")


def test_an_adapter_that_is_no_worse_is_kept(model):
    result = train(model, EASY, calibrate=True, epochs=5)
    assert (result.method, result.config.provenance.training["method"]) == ("adapter", "adapter")
    assert result.accuracies.keys() == {"adapter", "probe"}


@pytest.mark.parametrize("settings", [{"calibrate": False}, {"rows": EASY[::6], "calibrate": True}])
def test_where_nothing_is_held_out_nothing_is_compared(model, settings):
    result = train(model, **{"epochs": 1, **settings})
    assert (result.method, result.accuracies) == ("adapter", {})
