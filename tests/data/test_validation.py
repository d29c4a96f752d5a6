from __future__ import annotations

import logging
import unicodedata

import pytest
from datasets import Dataset, Features, Value

from intent_adapters.data import validate_rows
from intent_adapters.errors import DataError

GOOD = [{"text": "hi", "label": "greet"}, {"text": "bye", "label": "leave"}]


def test_the_result_has_two_string_columns_in_the_order_of_the_rows():
    dataset = validate_rows(Dataset.from_list([{"id": 1, **row} for row in GOOD]))
    assert dataset.features == Features({"text": Value("string"), "label": Value("string")})
    assert dataset.to_list() == GOOD


def test_it_changes_nothing_the_second_time():
    once = validate_rows([{"text": " hi ", "label": " greet "}, *GOOD])
    assert validate_rows(once).to_list() == once.to_list()


def test_surrounding_space_goes():
    assert validate_rows([{"text": "\u3000hi\n", "label": "\tgreet "}, GOOD[1]]).to_list() == GOOD


def test_labels_typed_on_a_mac_and_on_windows_are_one():
    composed, decomposed = "예약", unicodedata.normalize("NFD", "예약")
    rows = [{"text": "a", "label": composed}, {"text": "b", "label": decomposed}, *GOOD]
    assert sorted(set(validate_rows(rows)["label"])) == ["greet", "leave", "예약"]


def test_whole_numbers_are_labels():
    assert validate_rows([{"text": "a", "label": 0}, {"text": "b", "label": -7}])["label"][:] == ["0", "-7"]


@pytest.mark.parametrize("text", ["hi", " hi", "hi\n"])
def test_repeated_rows_are_dropped_with_a_warning(text: str, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.WARNING):
        dataset = validate_rows([*GOOD, {"text": text, "label": "greet"}])
    assert dataset.to_list() == GOOD
    assert "dropped 1 repeated rows; the first, rows[2], repeats rows[0]" in caplog.text


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
