from __future__ import annotations

import pytest

from intent_adapters.data.labels import is_catch_all, likely_typos, look_alikes, readable


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


def test_rare_labels_that_are_nearly_spelt_as_a_common_one():
    counts = {"ask_parking": 10, "ask_parkng": 1, "ask_praking": 2, "plan_one": 9, "plan_two": 1, "book": 9, "bok": 1}
    assert likely_typos(counts) == [("ask_parkng", "ask_parking"), ("ask_praking", "ask_parking")]
    assert likely_typos({"step_number_1": 20, "step_number_2": 2, "ask_price": 5, "ask_prices": 4}) == []
    assert likely_typos({"지하철막차": 20, "지하철첫차": 2, "예약변경하기": 20, "예약변겅하기": 1}) == [
        ("예약변겅하기", "예약변경하기")
    ]
