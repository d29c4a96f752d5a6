from __future__ import annotations

import enum
import unicodedata

import numpy as np
import pytest
from datasets import Dataset, Features, Value

from intent_adapters.data import validate_rows
from intent_adapters.data.validation import Purpose
from intent_adapters.errors import DataError, DataWarning, shorten

GOOD = [{"text": "hi", "label": "greet"}, {"text": "bye", "label": "leave"}]


def test_the_result_has_two_string_columns_in_the_order_of_the_rows():
    dataset = validate_rows(Dataset.from_list([{"id": 1, **row} for row in GOOD]))
    assert dataset.features == Features({"text": Value("string"), "label": Value("string")})
    assert dataset.to_list() == GOOD


def test_it_changes_nothing_the_second_time():
    once = validate_rows([{"text": " hi ", "label": " greet "}, GOOD[1]])
    assert validate_rows(once).to_list() == once.to_list()


def test_surrounding_space_goes():
    assert validate_rows([{"text": "\u3000hi\n", "label": "\tgreet "}, GOOD[1]]).to_list() == GOOD


def test_labels_typed_on_a_mac_and_on_windows_are_one():
    composed, decomposed = "예약", unicodedata.normalize("NFD", "예약")
    rows = [{"text": "a", "label": composed}, {"text": "b", "label": decomposed}, *GOOD]
    assert sorted(set(validate_rows(rows)["label"])) == ["greet", "leave", "예약"]


def test_whole_numbers_are_labels():
    assert validate_rows([{"text": "a", "label": 0}, {"text": "b", "label": -7}])["label"][:] == ["0", "-7"]


class Word(str, enum.Enum):  # noqa: UP042, a StrEnum's str() would be its value
    GREET = "greet"


class Number(enum.IntEnum):
    LEAVE = 3


class Plain(enum.Enum):
    THANK = "thank"
    HALF = 0.5


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        (Word.GREET, "greet"),
        (Number.LEAVE, "3"),
        (Plain.THANK, "thank"),
        (np.int64(3), "3"),
        (np.uint8(3), "3"),
        (np.str_("greet"), "greet"),
    ],
)
def test_members_of_enumerations_and_numbers_of_numpy_are_what_they_stand_for(label: object, expected: str):
    rows = validate_rows([{"text": Word.GREET, "label": label}, {"text": "ok", "label": "other"}])
    assert rows.to_list()[0] == {"text": "greet", "label": expected}


@pytest.mark.parametrize("label", [True, np.True_, 1.0, np.float32(1), Plain.HALF, b"a"])
def test_other_labels_are_refused(label: object):
    with pytest.raises(DataError, match="the label is not a string"):
        validate_rows([{"text": "a", "label": label}, GOOD[1]])


@pytest.mark.parametrize("label", [None, float("nan"), np.float32("nan")])
def test_missing_labels_are_called_missing(label: object):
    with pytest.raises(DataError, match="the label is missing"):
        validate_rows([{"text": "a", "label": label}, GOOD[1]])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Cancel", "cancel"),
        ("straße", "STRASSE"),
        ("예약 취소", "예약취소"),
        ("예약\u3000취소", "예약 취소"),
        ("cancel", "can\u200bcel"),
        ("취소", "취\u3164소"),
        ("취소", "\ufeff취소"),
        ("ｃａｎｃｅｌ", "cancel"),
        ("happy\ufe0f", "happy"),
    ],
)
@pytest.mark.parametrize("purpose", ["training", "evaluation"])
def test_labels_that_look_alike_are_said(one: str, other: str, purpose: Purpose):
    rows = [{"text": "a", "label": one}, {"text": "b", "label": other}, {"text": "c", "label": "x"}]
    with pytest.warns(DataWarning, match="labels that differ only in case") as caught:
        assert len(set(validate_rows(rows, purpose=purpose)["label"])) == 3
    assert all(shorten(label) in str(caught[0].message) for label in (one, other))
    assert "'x'" not in str(caught[0].message)


@pytest.mark.parametrize(
    "labels", [("cancel", "cancel_it"), ("cancel order", "cancel_order"), ("é", "e"), ("1", "10")]
)
def test_labels_that_differ_visibly_are_nobodys_business(labels: tuple[str, str], recwarn: pytest.WarningsRecorder):
    validate_rows([{"text": label, "label": label} for label in labels])
    assert not recwarn.list


@pytest.mark.parametrize("text", ["hi", " hi", "hi\n"])
def test_repeated_rows_are_dropped_with_a_warning(text: str):
    with pytest.warns(DataWarning, match=r"left out: rows that repeat another \(1: rows\[2\] as rows\[0\]\)"):
        dataset = validate_rows([*GOOD, {"text": text, "label": "greet"}])
    assert dataset.to_list() == GOOD


def test_texts_that_differ_in_case_are_two():
    assert len(validate_rows([*GOOD, {"text": "HI", "label": "shout"}])) == 3


def test_each_conflict_is_named():
    rows = [*GOOD, {"text": "hi", "label": "leave"}, {"text": " bye ", "label": "greet"}]
    with pytest.raises(DataError) as caught:
        validate_rows(rows)
    assert "2 problems" in str(caught.value)
    assert "rows[2]: the text 'hi' has the label 'leave' here and 'greet' at rows[0]" in str(caught.value)
    assert "rows[3]: the text 'bye'" in str(caught.value)


def test_text_and_label_of_one_row_are_both_named():
    with pytest.raises(DataError, match="2 problems"):
        validate_rows([*GOOD, {"text": "", "label": None}])


def test_a_text_of_exactly_the_limit_is_fine():
    assert len(validate_rows([*GOOD, {"text": "x" * 10_000, "label": "greet"}])) == 3
