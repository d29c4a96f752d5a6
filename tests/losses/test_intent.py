"""IntentLoss against a float64 reference, and trained through the real trainer."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from torch import nn

from intent_adapters.errors import ConfigError, DataError
from intent_adapters.losses import IntentLoss, circle_loss
from intent_adapters.training.agent.sampler import IntentBatchSampler
from tests.support.tiny import tiny_base

TEXTS = {
    0: ["cancel it", "cancel my visit", "please cancel", "cancel now", "i cancel"],
    1: ["how much", "how much is it", "much to pay", "so how much"],
    2: ["예약 변경", "예약 변경해주세요", "변경", "예약을 변경"],
    3: ["hello"],
}


def rows():
    pairs = [(text, label) for label, texts in TEXTS.items() for text in texts]
    return Dataset.from_dict({"text": [text for text, _ in pairs], "label": [label for _, label in pairs]})


def cross_entropy(logits, labels, smoothing):
    """Cross-entropy with the target (1 - smoothing) * one-hot + smoothing / C, row by row."""
    total = 0.0
    for row, label in zip(logits, labels, strict=True):
        log_z = row.max() + math.log(sum(math.exp(x - row.max()) for x in row))
        target = [smoothing / len(row)] * len(row)
        target[label] += 1 - smoothing
        total -= sum(t * (x - log_z) for t, x in zip(target, row, strict=True))
    return total / len(labels)


class Bag(nn.Module):
    """Stands in for an encoder: returns the embeddings that it is given, and counts its calls."""

    calls = 0

    def forward(self, features):
        self.calls += 1
        return {"sentence_embedding": features["embeddings"]}


def trainer_for(folder, model, loss, **arguments):
    args = SentenceTransformerTrainingArguments(
        str(folder),
        batch_sampler=IntentBatchSampler,
        per_device_train_batch_size=8,
        report_to=[],
        save_strategy="no",
        use_cpu=True,
        disable_tqdm=True,
        **arguments,
    )
    return SentenceTransformerTrainer(model=model, args=args, train_dataset=rows(), loss=loss)


@given(
    labels=st.lists(st.integers(0, 3), min_size=1, max_size=8),
    smoothing=st.sampled_from([0.0, 0.1, 0.7]),
    weight=st.floats(0.01, 10),
    seed=st.integers(0, 99),
)
@settings(max_examples=30, deadline=None)
def test_terms_equal_a_float64_reference(labels, smoothing, weight, seed):
    generator = torch.Generator().manual_seed(seed)
    embeddings = torch.randn(len(labels), 6, generator=generator, dtype=torch.float64)
    head = torch.randn(6, 4, generator=generator, dtype=torch.float64)
    targets = torch.tensor(labels)
    encoder = Bag()
    loss = IntentLoss(encoder, lambda x: x @ head, weight, 0.4, 16, smoothing)
    terms = loss([{"embeddings": embeddings}], targets)
    assert list(terms) == ["cross_entropy", "circle"]
    expected = cross_entropy((embeddings @ head).numpy(), labels, smoothing)
    assert terms["cross_entropy"].item() == pytest.approx(expected, rel=1e-9)
    assert terms["circle"].item() == pytest.approx(weight * circle_loss(embeddings, targets, 0.4, 16).item(), rel=1e-9)
    assert encoder.calls == 1


def test_weight_zero_leaves_circle_out(monkeypatch):
    def refuse(*_):
        raise AssertionError("computed")

    monkeypatch.setattr("intent_adapters.losses.intent.circle_loss", refuse)
    loss = IntentLoss(Bag(), lambda x: x, circle_weight=0)
    assert list(loss([{"embeddings": torch.eye(3)}], torch.arange(3))) == ["cross_entropy"]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_logits_are_compared_in_float32(dtype):
    logits = torch.randn(4, 5, generator=torch.Generator().manual_seed(0)).to(dtype)
    loss = IntentLoss(Bag(), lambda x: x, label_smoothing=0)
    with torch.autocast("cpu", dtype=dtype):
        terms = loss([{"embeddings": logits}], torch.arange(4))
    assert {term.dtype for term in terms.values()} == {torch.float32}
    term = terms["cross_entropy"]
    assert term.item() == pytest.approx(cross_entropy(logits.double().numpy(), range(4), 0.0), rel=1e-6)


def test_labels_of_any_integer_type_and_shape():
    loss = IntentLoss(Bag(), lambda x: x)
    expected = loss([{"embeddings": torch.eye(3)}], torch.arange(3))
    for labels in (torch.arange(3, dtype=torch.int32), torch.arange(3, dtype=torch.uint8), torch.arange(3)[:, None]):
        assert loss([{"embeddings": torch.eye(3)}], labels) == expected


def test_the_trainer_lowers_and_logs_both_terms(tmp_path):
    model = tiny_base(tmp_path)
    torch.manual_seed(0)
    head = nn.Linear(32, 4)
    start = head.weight.detach().clone()
    loss = IntentLoss(model, head, circle_weight=0.2, circle_gamma=8)
    trainer = trainer_for(tmp_path / "out", model, loss, num_train_epochs=12, learning_rate=5e-3, logging_steps=2)
    trainer.train()
    history = [entry for entry in trainer.state.log_history if "loss" in entry]
    assert len(history) == 12
    for entry in history:
        assert entry["loss"] == pytest.approx(entry["cross_entropy"] + entry["circle"], abs=2e-3)
    first, last = (
        np.array([[e["cross_entropy"], e["circle"]] for e in part]).mean(0) for part in (history[:3], history[-3:])
    )
    assert (last < 0.85 * first).all()
    assert not torch.equal(head.weight, start)
    card = model.model_card_data
    assert "loss:IntentLoss" in card.tags
    assert "sun2020circle" in "".join(card.citations.values())


@pytest.mark.parametrize("inside", [True, False], ids=["head inside the model", "head beside the model"])
def test_the_optimiser_holds_every_trainable_parameter_once(tmp_path, inside):
    model = tiny_base(tmp_path)
    head = nn.Linear(32, 4)
    if inside:
        model[0].auto_model.add_module("intent_head", head)
    loss = IntentLoss(model, head)
    trainer = trainer_for(tmp_path / "out", model, loss, max_steps=1, weight_decay=0.1)
    groups = trainer.create_optimizer().param_groups
    held = [id(parameter) for group in groups for parameter in group["params"]]
    expected = {id(parameter) for parameter in [*model.parameters(), *head.parameters()]}
    assert len(held) == len(set(held))
    assert set(held) == expected
    decayed = {id(parameter) for group in groups if group["weight_decay"] for parameter in group["params"]}
    assert id(head.weight) in decayed
    assert id(head.bias) not in decayed


def test_a_frozen_encoder_trains_its_head_only(tmp_path):
    model = tiny_base(tmp_path)
    model.requires_grad_(False)
    head = nn.Linear(32, 4)
    before = [parameter.detach().clone() for parameter in [*model.parameters(), *head.parameters()]]
    trainer_for(tmp_path / "out", model, IntentLoss(model, head), max_steps=3, learning_rate=0.1).train()
    changed = [
        not torch.equal(old, new) for old, new in zip(before, [*model.parameters(), *head.parameters()], strict=True)
    ]
    assert changed == [False] * (len(before) - 2) + [True, True]


@pytest.mark.parametrize(("labels", "wrong"), [([0, 1, 4], 4), ([0, -1, 9], -1), ([-100, 0, 1], -100)])
def test_a_label_the_head_does_not_have_is_refused(labels, wrong):
    loss = IntentLoss(Bag(), lambda x: x)
    with pytest.raises(DataError, match=f"labels must be from 0 to 3, but a batch has the label {wrong}"):
        loss([{"embeddings": torch.eye(4)[:3]}], torch.tensor(labels))


@pytest.mark.parametrize(
    ("features", "labels", "message"),
    [
        ([torch.eye(2)], None, "add a column 'label'"),
        ([torch.eye(2)], torch.tensor([0.0, 1.0]), "integer labels"),
        ([torch.eye(2)], torch.tensor([0]), "one label per text"),
        ([torch.eye(2)] * 2, torch.tensor([0, 1]), "IntentLoss takes one text column"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(features, labels, message):
    with pytest.raises(DataError, match=message):
        IntentLoss(Bag(), lambda x: x)([{"embeddings": tensor} for tensor in features], labels)


@pytest.mark.parametrize("shape", [(2,), (3, 2), (2, 2, 1)])
def test_a_head_that_returns_something_else_is_refused(shape):
    with pytest.raises(ConfigError, match=r"head must return logits \(2, intents\)"):
        IntentLoss(Bag(), lambda _: torch.zeros(shape))([{"embeddings": torch.eye(2)}], torch.tensor([0, 1]))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"head": None}, "head must be a module or a function"),
        ({"circle_weight": -1}, "circle_weight"),
        ({"circle_weight": math.inf}, "circle_weight"),
        ({"circle_margin": 1.0}, "circle_margin"),
        ({"circle_gamma": 0}, "circle_gamma"),
        ({"label_smoothing": 1}, r"label_smoothing is a number in \[0, 1\), not 1"),
        ({"label_smoothing": True}, "label_smoothing"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        IntentLoss(Bag(), **{"head": nn.Identity(), **settings})


def test_config_is_what_was_asked_for():
    loss = IntentLoss(Bag(), nn.Identity(), 0.3, 0.4, 80, 0)
    config = {"circle_weight": 0.3, "circle_margin": 0.4, "circle_gamma": 80.0, "label_smoothing": 0.0}
    assert loss.get_config_dict() == config
