from __future__ import annotations

import pytest

from intent_adapters.data.labels import is_catch_all, look_alikes, readable


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("card_arrival", "card arrival"),
        ("CardArrival", "card arrival"),
        ("Refund_not_showing_up", "refund not showing up"),
        ("reverted_card_payment?", "reverted card payment"),
        ("faq/opening-hours", "faq opening hours"),
        ("예약_취소", "예약 취소"),
        ("___", ""),
    ],
)
def test_labels_become_words(label, words):
    assert readable(label) == words


@pytest.mark.parametrize("label", ["none", "Out_of_scope", "nlu_fallback", "기타", "해당 없음", "OTHER"])
def test_names_of_a_catch_all(label):
    assert is_catch_all(label)
    assert not is_catch_all(f"{label}_question")


def test_labels_that_only_look_different():
    assert look_alikes(["Cancel", "cancel", "ｃａｎｃｅｌ", "book", "can cel", "price"]) == [
        ["Cancel", "can cel", "cancel", "ｃａｎｃｅｌ"]
    ]
