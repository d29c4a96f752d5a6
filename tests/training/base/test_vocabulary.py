"""Trimmed vocabularies: known texts keep their embeddings, other texts stay readable."""

from __future__ import annotations

import pytest
import torch
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer, models

from intent_adapters.errors import ConfigError
from intent_adapters.training.base.vocabulary import trim_vocabulary
from tests.support.shared import shared_path
from tests.support.tiny import tiny_base

CORPUS = ["abc 1", "예약 취소", "hello 예약"]


def pieces(model, text):
    return model.tokenizer.convert_ids_to_tokens(model.tokenizer(text)["input_ids"])


def with_words(model, words):
    """The tiny model, whose pieces are characters, with whole words in its vocabulary too."""
    tokenizer = model.tokenizer.backend_tokenizer
    vocabulary = tokenizer.get_vocab()
    tokenizer.model = models.WordPiece(
        {**vocabulary, **{w: len(vocabulary) + i for i, w in enumerate(words)}}, unk_token="[UNK]"
    )
    encoder = model[0].auto_model
    encoder.resize_token_embeddings(len(vocabulary) + len(words))
    return model


@pytest.mark.parametrize("architecture", ["bert", "xlm-roberta", "mpnet", "modernbert"])
def test_pieces_that_no_text_uses_go(tmp_path, architecture):
    model = with_words(tiny_base(tmp_path, architecture), ["abba", "hello", "예약", "다나"])
    before = model.encode(CORPUS, convert_to_tensor=True)
    trimmed = trim_vocabulary(model, CORPUS)
    assert set(model.tokenizer.get_vocab()) - set(trimmed.tokenizer.get_vocab()) == {"abba", "다나"}
    assert pieces(trimmed, "abba") == ["[CLS]", "a", "##b", "##b", "##a", "[SEP]"]
    torch.testing.assert_close(trimmed.encode(CORPUS, convert_to_tensor=True), before)
    trimmed.save_pretrained(str(tmp_path / "trimmed"))
    loaded = SentenceTransformer(str(tmp_path / "trimmed"), device="cpu")
    torch.testing.assert_close(loaded.encode(CORPUS, convert_to_tensor=True), before)
    assert len(loaded.tokenizer) == loaded[0].auto_model.get_input_embeddings().num_embeddings
    torch.testing.assert_close(model.encode(CORPUS, convert_to_tensor=True), before)


def test_bpe_is_refused(tmp_path):
    model = tiny_base(tmp_path)
    model.tokenizer.backend_tokenizer.model = models.BPE({"a": 0, "b": 1, "ab": 2}, [("a", "b")])
    assert isinstance(model.tokenizer.backend_tokenizer, Tokenizer)
    with pytest.raises(ConfigError, match="a BPE vocabulary cannot be trimmed"):
        trim_vocabulary(model, CORPUS)
    with pytest.raises(ConfigError, match="min_count"):
        trim_vocabulary(tiny_base(tmp_path), CORPUS, min_count=0)


@pytest.fixture(scope="module")
def unigram():
    return SentenceTransformer(str(shared_path("models/me5-small-ko-en")), device="cpu").float()


def test_a_unigram_vocabulary_keeps_its_segmentations(unigram, tmp_path):
    corpus = ["예약을 취소하고 싶어요", "What is the weather today?", "계좌 잔액 얼마 남았어?"]
    trimmed = trim_vocabulary(unigram, corpus)
    size = trimmed[0].auto_model.config.vocab_size
    assert size == len(trimmed.tokenizer) < len(unigram.tokenizer) / 2
    for text in corpus:
        assert pieces(trimmed, text) == pieces(unigram, text)
    torch.testing.assert_close(
        trimmed.encode(corpus, convert_to_tensor=True), unigram.encode(corpus, convert_to_tensor=True)
    )
    # Another text is spelt in other pieces, and nothing of it is lost.
    other = "환불 규정이 궁금합니다"
    assert pieces(trimmed, other) != pieces(unigram, other)
    assert "<unk>" not in pieces(trimmed, other)
    assert trimmed.tokenizer.decode(trimmed.tokenizer(other)["input_ids"], skip_special_tokens=True) == other
    trimmed.save_pretrained(str(tmp_path / "trimmed"))
    loaded = SentenceTransformer(str(tmp_path / "trimmed"), device="cpu")
    torch.testing.assert_close(
        loaded.encode(corpus, convert_to_tensor=True), unigram.encode(corpus, convert_to_tensor=True)
    )


def test_rare_pieces_can_go_too(unigram):
    corpus = ["예약을 취소하고 싶어요"] * 3 + ["weather"]
    rare = trim_vocabulary(unigram, corpus, min_count=2)
    assert "▁weather" not in rare.tokenizer.get_vocab()
    assert "▁weather" in trim_vocabulary(unigram, corpus).tokenizer.get_vocab()
    assert pieces(rare, corpus[0]) == pieces(unigram, corpus[0])
