"""Attention over short texts and over long ones."""

from __future__ import annotations

import pytest
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import StaticEmbedding

from intent_adapters.training.base.attention import SHORT, attention_for
from tests.support.tiny import tiny_base


def kinds(model):
    return {layer.attention.self.config._attn_implementation for layer in model[0].auto_model.encoder.layer}


@pytest.mark.parametrize(("chosen", "longest", "used"), [("sdpa", SHORT, "eager"), ("sdpa", SHORT + 1, "sdpa")])
def test_short_texts_have_plain_attention_for_a_while(tmp_path, chosen, longest, used):
    model = tiny_base(tmp_path)
    model[0].auto_model.set_attn_implementation(chosen)
    with pytest.raises(KeyError), attention_for(model, longest):
        assert kinds(model) == {used}
        raise KeyError
    assert kinds(model) == {chosen}


def test_the_embeddings_are_the_same(tmp_path):
    model = tiny_base(tmp_path)
    model[0].auto_model.set_attn_implementation("sdpa")
    texts = ["abc 1", "예약을 취소하고 싶어요"]
    before = model.encode(texts)
    with attention_for(model, 11):
        assert model.encode(texts) == pytest.approx(before, abs=1e-5)


def test_a_model_without_attention_is_left_alone(tmp_path):
    model = SentenceTransformer(
        modules=[StaticEmbedding(tiny_base(tmp_path).tokenizer, embedding_dim=8)], device="cpu"
    )
    before = model.encode("abc")
    with attention_for(model, 3):
        assert model.encode("abc") == pytest.approx(before)
