"""The words that a tagger tags: where they start and end in whatever text."""

from __future__ import annotations

import itertools
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intent_adapters.entities.tagged_words import features, words_of
from intent_adapters.prediction import PredictedEntity


def said(text, offsets=None):
    """The words of a text as they stand in it."""
    words = words_of(text, [(0, len(text))] if offsets is None else offsets)
    return [text[words.text.starts[start] : words.text.ends[end - 1]] for start, end in words.spans]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("서울에서 만나요", ["서울", "에서", "만나", "요"]),
        ("at 7pm, please", ["at", "7", "pm", ",", "please"]),
        ("Eberts's", ["Eberts", "'", "s"]),
        ("a\r\nb", ["a", "b"]),
        ("👩‍🚀 go", ["👩‍🚀", "go"]),
        ("👍🏽!", ["👍🏽", "!"]),
        ("🇰🇷 ok", ["🇰🇷", "ok"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("  ", []),
        ("", []),
    ],
)
def test_words(text, words):
    assert said(text) == words


def test_pieces_part_hangul_and_nothing_else():
    assert said("대한병원 doctor", [(0, 2), (2, 4), (5, 8), (8, 11)]) == ["대한", "병원", "doctor"]
    assert words_of("doctor", [(0, 3), (3, 6)]).pieces == [1]


def test_hangul_and_letters_taken_apart_are_whole():
    text = unicodedata.normalize("NFD", "서울 café")
    assert said(text) == [unicodedata.normalize("NFD", "서울"), unicodedata.normalize("NFD", "café")]


def test_what_no_piece_stands_for_is_no_word():
    assert said("one two three", [(0, 0), (0, 3), (4, 7)]) == ["one", "two"]


def test_signs_that_entities_do_not_end_with_are_left_out():
    words = words_of("(Seoul) .", [(0, 9)])
    assert words.span(0, 3, starts="", ends="") == (1, 6)
    assert words.span(0, 3, starts="(", ends=")") == (0, 7)
    assert words.span(3, 3, starts="", ends="") is None


LETTERS = st.characters(categories=["L", "M", "N", "P", "S", "Z", "Cf", "Cc"])


@settings(max_examples=150, deadline=None)
@given(
    st.text(LETTERS, max_size=30) | st.text("서울에서는 a1é\u0301🙂\u200d\u1112\u1161\u11ab", max_size=20), st.data()
)
def test_words_are_in_order_apart_and_without_white_space(text, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    words = words_of(text, list(itertools.pairwise(cuts)))
    places = [(words.text.starts[start], words.text.ends[end - 1]) for start, end in words.spans]
    for (start, end), piece in zip(places, words.pieces, strict=True):
        assert start < end
        assert not text[start].isspace()
        assert not text[end - 1].isspace()
        assert 0 <= piece < max(len(cuts) - 1, 1)
        assert end == len(text) or unicodedata.category(text[end]) != "Mn" or text[end - 1].isspace()
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(places))
    found = [PredictedEntity(0, len(text), text, "all", text, None, 1.0, "values")]
    for codes in (features([words], [()], 64), features([words], [found], 64)):
        assert len(codes) == len(places)
        assert all(own.min() >= 0 and own.max() < 64 for own in codes)


def test_features_of_an_utterance_are_the_same_beside_others():
    texts = ["서울에서 7시", "at 7pm, please", "a"]
    words = [words_of(text, [(0, len(text))]) for text in texts]
    found = [[PredictedEntity(0, 2, "서울", "city", "서울", None, 1.0, "values")], [], []]
    together = features(words, found, 4096)
    alone = [features([own], [hits], 4096) for own, hits in zip(words, found, strict=True)]
    assert (together == np.concatenate(alone)).all()
    without = features(words[:1], [[]], 4096)
    assert [(one != other).sum() for one, other in zip(alone[0], without, strict=True)] == [1, 1, 0, 0]


def test_features_are_those_that_saved_taggers_learned_with():
    found = features([words_of("내일 7pm", [(0, 6)])], [[]], 4096)
    assert found[:, :4].tolist() == [[715, 3092, 749, 1665], [271, 2757, 91, 1487], [991, 1162, 717, 374]]
