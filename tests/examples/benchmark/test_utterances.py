from __future__ import annotations

from pathlib import Path

import pytest
from transformers import AutoTokenizer

from examples.benchmark.utterances import fit, utterances
from intent_adapters.errors import ConfigError


def test_half_of_the_utterances_are_korean_and_none_comes_twice():
    texts = utterances()
    assert len(texts) == len(set(texts)) == 64
    assert sum(any("가" <= character <= "힣" for character in text) for text in texts) == 32


@pytest.mark.parametrize("tokens", [8, 16, 40])
def test_every_text_gets_the_exact_number_of_tokens(base: Path, tokens: int):
    tokenizer = AutoTokenizer.from_pretrained(base)
    fitted = fit(utterances(), tokenizer, tokens)
    assert {len(tokenizer(text)["input_ids"]) for text in fitted} == {tokens}
    assert len(set(fitted)) > 60


def test_a_text_is_cut_or_continued_and_nothing_else(base: Path):
    texts = ["ab cd", "ef"]
    assert fit(texts, AutoTokenizer.from_pretrained(base), 8) == ["ab cd ef", "ef ab cd"]


def test_a_number_of_tokens_that_no_text_can_have_is_refused(base: Path):
    with pytest.raises(ConfigError, match="cut to 2 tokens"):
        fit(utterances(), AutoTokenizer.from_pretrained(base), 2)
