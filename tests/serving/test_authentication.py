"""Tokens."""

from __future__ import annotations

import unicodedata

import pytest

from intent_adapters.errors import RequestError
from intent_adapters.serving.authentication import Authentication
from intent_adapters.serving.settings import Token

ALL, ONE = "for-all-agents-0123", "for-one-agent-01234"
AUTHENTICATION = Authentication([Token(token=ALL), Token(token=ONE, agents=("예약",))])


def test_without_tokens_everybody_may_ask():
    assert Authentication([]).caller(None).may_ask("it")


def test_a_token_for_all_agents_and_one_for_some():
    assert AUTHENTICATION.caller(f"Bearer {ALL}").may_ask("it")
    caller = AUTHENTICATION.caller(f"bearer  {ONE} ")
    assert not caller.may_ask("it")
    assert caller.may_ask("예약")
    assert caller.may_ask(unicodedata.normalize("NFD", "예약"))


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, "missing_token"),
        ("", "missing_token"),
        ("Bearer", "missing_token"),
        ("Bearer ", "missing_token"),
        (f"Basic {ALL}", "missing_token"),
        (ALL, "missing_token"),
        ("Bearer wrong", "invalid_token"),
        (f"Bearer {ALL}x", "invalid_token"),
        (f"Bearer {ALL[:-1]}", "invalid_token"),
        (f"Bearer {ALL.upper()}", "invalid_token"),
        ("Bearer \udc80\u0000é", "invalid_token"),
    ],
)
def test_who_is_not_let_in(authorization: str | None, code: str):
    with pytest.raises(RequestError) as caught:
        AUTHENTICATION.caller(authorization)
    assert (caught.value.status, caught.value.code) == (401, code)
    assert caught.value.headers == {"WWW-Authenticate": "Bearer"}
    assert ALL not in str(caught.value)
