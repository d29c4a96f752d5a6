from __future__ import annotations

import threading

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intent_adapters.runtime.tokens import FastTokenizer, PreprocessTokenizer, tokenizer_for
from tests.support.shared import minilm_path
from tests.support.tiny import ARCHITECTURES, tiny_base

TEXTS = ["예약 취소", "a", "how much is it to change it?", "주세요 " * 200, " spaces ", "0123 4567"]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny_base(tmp_path_factory.mktemp("base"))


def assert_same(ours, theirs):
    theirs = {name: value for name, value in theirs.items() if isinstance(value, torch.Tensor)}
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        assert value.dtype == theirs[name].dtype
        assert torch.equal(value, theirs[name]), name


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_tokens_are_those_of_the_base(tmp_path, architecture):
    base = tiny_base(tmp_path, architecture)
    tokenize = tokenizer_for(base)
    assert isinstance(tokenize, FastTokenizer)
    for texts in (TEXTS, TEXTS[:1], TEXTS[:2]):
        tokens = tokenize(texts)
        assert_same(tokens.batch(range(len(texts))), base.preprocess(texts))
        assert tokens.lengths == base.preprocess(texts)["attention_mask"].sum(dim=1).tolist()
    assert_same(tokenize(TEXTS).batch([4, 1]), base.preprocess([TEXTS[4], TEXTS[1]]))


def test_tokens_are_those_of_a_real_base():
    from sentence_transformers import SentenceTransformer

    base = SentenceTransformer(str(minilm_path()), device="cpu")
    tokenize = tokenizer_for(base)
    assert isinstance(tokenize, FastTokenizer)
    assert_same(tokenize(TEXTS).batch(range(len(TEXTS))), base.preprocess(TEXTS))


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_on_either_side(tmp_path, side):
    base = tiny_base(tmp_path)
    base.tokenizer.padding_side = side
    for tokenize in (FastTokenizer.of(base.tokenizer), PreprocessTokenizer(base)):
        assert_same(tokenize(TEXTS).batch([0, 3, 1]), base.preprocess([TEXTS[0], TEXTS[3], TEXTS[1]]))
        assert_same(tokenize(TEXTS).batch([1]), base.preprocess([TEXTS[1]]))


def test_a_base_that_prepares_its_texts_in_its_own_way_is_left_to_it(tmp_path):
    base = tiny_base(tmp_path)
    original = base.preprocess
    base.preprocess = lambda texts, **settings: original([text.upper() + "!" for text in texts], **settings)
    tokenize = tokenizer_for(base)
    assert isinstance(tokenize, PreprocessTokenizer)
    assert_same(tokenize(TEXTS).batch([0, 1]), base.preprocess(TEXTS[:2]))


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=80), min_size=1, max_size=4))
def test_any_text_gives_the_tokens_of_the_base(base, texts):
    assert_same(tokenizer_for(base)(texts).batch(range(len(texts))), base.preprocess(texts))


def test_threads_share_one_tokenizer(base):
    tokenize = tokenizer_for(base)
    expected = [tokenize([text]).batch([0])["input_ids"] for text in TEXTS]
    failures = []

    def work() -> None:
        for _ in range(100):
            tokens = tokenize(TEXTS)
            for row, alone in enumerate(expected):
                if not torch.equal(tokens.batch([row])["input_ids"], alone):
                    failures.append(row)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
