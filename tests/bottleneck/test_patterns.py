from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intent_adapters.bottleneck import BottleneckConfig
from intent_adapters.bottleneck.patterns import check_pattern
from intent_adapters.bottleneck.sites import LAYOUTS, find_sites
from intent_adapters.errors import ConfigError
from tests.support.tiny import tiny_encoder

TAME = [
    r".*\.dense",
    r"encoder\.layer\.\d+\.(attention\.)?output\.dense",
    r"(?:.*\.)?encoder\.layer\.(0|1|2|3|4|5|6|7|8|9|10|11)\.output\.dense",
    r".*(query|key|value).*",
    r"layer\.[0-9]{1,2}\.[^.()*+]+\.dense",
    r".*?layer.*?dense$",
    r"[]*+]x|[^]]\]y",
    r"a\*\+\?{,}",
    "a{3}b",
    *(getattr(layout, name) for layout in LAYOUTS.values() for name in ("attention", "feed_forward", "parallel")),
]
WILD = [
    r"(a+)+$",
    r"(a*)*b",
    r"(.*a){20}",
    r"(?:a|a)+b",
    r"(a|aa){1,40}c",
    r".*.*.*.*.*.*x",
    "a?" * 40 + "a" * 40,
    "(a|a)" * 40 + "b",
    r"(.*)\1x",
    r"(?=.*x).*",
    r"(?P<n>a)(?P=n)",
    r"(?i)dense",
    ".{1,60}" * 5,
    "(((a?)?)?)?" * 12 + "b",
    "((.*|.*)|(.*|.*))((.*|.*)|(.*|.*))((.*|.*)|(.*|.*))",
]


@pytest.mark.parametrize("pattern", TAME)
def test_tame_patterns_are_let_through(pattern):
    check_pattern(pattern)
    assert BottleneckConfig(target_modules=pattern).target_modules == pattern


@pytest.mark.parametrize("pattern", WILD, ids=lambda pattern: pattern[:30])
def test_wild_patterns_are_refused_at_once(pattern):
    re.compile(pattern)
    start = time.perf_counter()
    with pytest.raises(ConfigError, match="target_modules") as caught:
        BottleneckConfig(target_modules=pattern)
    assert time.perf_counter() - start < 0.1
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("pattern", [r".*.*.*x", "(a|b)?" * 4 + r".*.*x", r"\w*\w*\w*!"])
def test_the_worst_that_is_let_through_is_quick(pattern):
    start = time.perf_counter()
    with pytest.raises(ConfigError, match="matches no module"):
        find_sites(tiny_encoder(), BottleneckConfig(target_modules=pattern))
    assert time.perf_counter() - start < 5


PIECES = ["a", "b", ".", r"\.", "[ab]", "*", "+", "?", "{2}", "{,3}", "(", "(?:", ")", "|"]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_what_is_let_through_is_matched_in_time(pattern):
    try:
        compiled = re.compile(pattern)
        check_pattern(pattern)
    except (re.error, ConfigError):
        return
    start = time.perf_counter()
    compiled.fullmatch("a" * 40 + "!")
    assert time.perf_counter() - start < 2
