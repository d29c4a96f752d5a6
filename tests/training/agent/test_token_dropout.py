"""Token dropout: what is left out, what stays, and that it moves together."""

from __future__ import annotations

import pytest
import torch

from intent_adapters.training.agent.token_dropout import TokenDropout
from tests.support.tiny import tiny_tokenizer

TEXTS = ["cancel my visit please", "예약 취소", "a"]


def preprocess(texts):
    return dict(tiny_tokenizer()(list(texts), padding=True, return_tensors="pt"))


def test_probability_zero_changes_nothing():
    plain, same = preprocess(TEXTS), TokenDropout(0.0, seed=0)(preprocess(TEXTS))
    assert plain.keys() == same.keys()
    for name, value in plain.items():
        assert torch.equal(same[name], value), name


@pytest.mark.parametrize("seed", range(20))
def test_what_is_left_is_the_rest_in_order_and_padding_is_only_on_the_right(seed):
    plain, dropped = preprocess(TEXTS), TokenDropout(0.5, seed=seed)(preprocess(TEXTS))
    lengths = dropped["attention_mask"].sum(dim=1)
    assert dropped["input_ids"].shape == (3, lengths.max())
    for row, length in enumerate(lengths.tolist()):
        assert dropped["attention_mask"][row].tolist() == [1] * length + [0] * (lengths.max().item() - length)
        left = dropped["input_ids"][row, :length].tolist()
        original = iter(plain["input_ids"][row][plain["attention_mask"][row].bool()].tolist())
        assert left[0] == tiny_tokenizer().cls_token_id
        assert all(token in original for token in left)  # a subsequence


def test_the_share_left_out_is_the_probability():
    texts = ["x" * 60] * 400
    dropped = TokenDropout(0.2, seed=0)(preprocess(texts))
    assert dropped["attention_mask"].sum() / preprocess(texts)["attention_mask"].sum() == pytest.approx(0.8, abs=0.02)


def test_draws_follow_from_the_seed_alone_and_leave_the_global_state():
    first, second, other = (TokenDropout(0.5, seed=seed) for seed in (3, 3, 4))
    torch.manual_seed(0)
    a = first(preprocess(TEXTS))["input_ids"]
    after = torch.rand(1)
    torch.manual_seed(0)
    assert torch.rand(1) == after
    assert torch.equal(a, second(preprocess(TEXTS))["input_ids"])
    assert not torch.equal(second(preprocess(TEXTS))["input_ids"], a)
    assert not torch.equal(other(preprocess(TEXTS))["input_ids"], a)
