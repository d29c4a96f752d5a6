"""The rows of a repetition: drawn, given, without the dropped intents."""

from __future__ import annotations

import json

import pytest

from examples.paper.columns import digest, draw
from examples.paper.tracks import Column, read_track
from intent_adapters.errors import ConfigError, DataError
from tests.support.shared import shared_path

COLUMN = Column("clinic", "rows.jsonl", shots=2)


def given_draws(data, drawn):
    (data / "draws").mkdir(exist_ok=True)
    (data / "draws" / "seed_0.json").write_text(json.dumps({"train": drawn}), encoding="utf-8")
    return Column("clinic", "rows.jsonl", shots=2, draws="draws")


def test_what_was_not_drawn_is_the_test(data):
    train, test = draw(COLUMN, data, 0)
    assert len(train) == 6
    assert len(test) == 9
    assert not set(train["text"]) & set(test["text"])


def test_repetitions_draw_differently_and_each_the_same_again(data):
    first, again, second = (draw(COLUMN, data, number)[0]["text"][:] for number in (0, 0, 1))
    assert first == again
    assert first != second


def test_a_test_file_is_taken_whole(data):
    (data / "test.jsonl").write_text('{"text": "예약", "label": "예약"}\n', encoding="utf-8")
    _, test = draw(Column("clinic", "rows.jsonl", shots=2, test="test.jsonl"), data, 0)
    assert test["text"][:] == ["예약"]


def test_a_given_draw_is_taken_by_row_numbers(data):
    train, test = draw(given_draws(data, {"예약": [0, 4], "취소": [5, 6], "변경": [10, 14]}), data, 0)
    assert train["text"][:2] == ["예약하고 싶어요", "예약해 주세요"]
    assert len(test) == 9


@pytest.mark.parametrize("drawn", [{"예약": [0]}, {"예약": [0, 99]}, {}])
def test_a_given_draw_that_does_not_fit_is_refused(data, drawn):
    with pytest.raises(DataError, match=r"does not draw 2 of the 15 rows"):
        draw(given_draws(data, drawn), data, 0)


def test_a_missing_draw_is_named(data):
    with pytest.raises(ConfigError, match=r"seed_7\.json"):
        draw(given_draws(data, {"예약": [0, 4]}), data, 7)


def test_dropped_intents_are_in_neither_part(data):
    (data / "drop.json").write_text('{"dropped": ["취소"]}', encoding="utf-8")
    train, test = draw(Column("clinic", "rows.jsonl", shots=2, dropped="drop.json"), data, 0)
    assert set(train["label"]) == set(test["label"]) == {"예약", "변경"}


def test_the_digest_follows_the_content_of_every_file(data):
    before = digest(COLUMN, data, 0)
    assert digest(COLUMN, data, 1) == before
    with_draw = given_draws(data, {"예약": [0, 4]})
    assert digest(with_draw, data, 0) != before


def test_paraquery_has_the_papers_sizes():
    data = shared_path("data")
    column = read_track("korean").columns[0]
    train, test = draw(column, data, 3)
    assert (len(train), len(test), len(set(train["label"]))) == (1996, 7984, 998)
