"""Training without padding and with frozen products in bfloat16 gives what the encoder gives, gradients too."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from peft import inject_adapter_in_model

from intent_adapters import BottleneckConfig, IntentModel
from intent_adapters.artifacts.encoder import encoder_of, structural_copy
from intent_adapters.runtime.tokens import tokenizer_for
from intent_adapters.training.agent import fast_encoder
from intent_adapters.training.agent.fast_encoder import TrainingEmbedder, pack
from tests.support.shared import minilm_path
from tests.support.tiny import tiny_base

TEXTS = ["cancel", "where is my card, it has not come", "예약을 취소하고 싶어요", "x " * 30, "a", "how much is it"]


def adapted(base):
    model = structural_copy(base).eval()
    inject_adapter_in_model(BottleneckConfig(init_weights=False, labels=["a", "b"]), encoder_of(model))
    return model


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return adapted(tiny_base(tmp_path_factory.mktemp("base")))


def gradients(model, embeddings):
    weight = torch.randn(embeddings.shape, generator=torch.Generator().manual_seed(0))
    (embeddings * weight).sum().backward()
    found = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    return found


@given(st.lists(st.integers(1, 90), min_size=1, max_size=40))
@settings(max_examples=100, deadline=None)
def test_packed_texts_never_overlap(lengths):
    rows, starts, length = pack(lengths)
    taken = [
        (row, start + place) for row, start, own in zip(rows, starts, lengths, strict=True) for place in range(own)
    ]
    assert len(set(taken)) == sum(lengths)
    assert all(0 <= place < length for _, place in taken)
    assert set(rows) == set(range(max(rows) + 1))


def test_short_texts_share_rows():
    rows, _, length = pack([10] * 12)
    assert (max(rows) + 1) * length <= 2 * 64


def test_packed_embeddings_and_gradients_are_those_of_the_encoder(tiny):
    embedder = TrainingEmbedder(tiny, tokenizer_for(tiny))
    features = embedder.tokenize(TEXTS).batch(range(len(TEXTS)))
    packed, plain = fast_encoder.packed_embeddings(tiny, dict(features), 0), embedder.forward(dict(features))
    assert torch.allclose(packed, plain, atol=1e-5)
    for one, other in zip(gradients(tiny, packed).values(), gradients(tiny, plain).values(), strict=True):
        assert torch.allclose(one, other, atol=1e-4)


def test_bfloat16_stays_near_and_leaves_no_trace(monkeypatch):
    monkeypatch.setattr(fast_encoder, "multiplies_bfloat16", lambda device: True)
    model = adapted(IntentModel.from_pretrained(minilm_path(), device="cpu").base)
    embedder = TrainingEmbedder(model, tokenizer_for(model))
    features = embedder.tokenize(TEXTS).batch(range(len(TEXTS)))
    plain = embedder.forward(dict(features))
    fast = embedder.forward_trained(dict(features))
    assert not torch.equal(fast, plain)
    assert torch.nn.functional.cosine_similarity(fast, plain).min() > 0.999
    wanted, found = gradients(model, plain), gradients(model, fast)
    assert wanted.keys() == found.keys()
    for name, gradient in wanted.items():
        assert torch.nn.functional.cosine_similarity(found[name].flatten(), gradient.flatten(), dim=0) > 0.98, name
    assert torch.equal(embedder.forward(dict(features)), plain)


def test_encoders_that_cannot_be_packed_are_run_as_they_are(tiny, monkeypatch):
    monkeypatch.setattr(fast_encoder, "architecture_of", lambda encoder: None)
    embedder = TrainingEmbedder(tiny, tokenizer_for(tiny))
    features = embedder.tokenize(TEXTS).batch(range(len(TEXTS)))
    assert torch.allclose(embedder.forward_trained(dict(features)), embedder.forward(dict(features)), atol=2e-2)
