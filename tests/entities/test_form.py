"""Forms: what each turn fills, what is asked next, and that a form survives being written down."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intent_adapters.entities import Form, Slot
from intent_adapters.errors import ConfigError
from intent_adapters.prediction import PredictedEntity, Prediction

TRIP = Form(
    (
        Slot("leave", "date", "언제 떠나세요?", role="from"),
        Slot("return", "date", "언제 돌아오세요?", role="to"),
        Slot("guest", "person", required=False, many=True),
        Slot("class", "class", default="economy"),
    ),
    intents=("book",),
)


def entity(value: str, kind: str = "date", role: str | None = None, start: int = 0) -> PredictedEntity:
    return PredictedEntity(start, start + len(value), value, kind, value, role, 1.0, "values")


def answer(*entities: PredictedEntity, label: str = "book", in_scope: bool = True) -> Prediction:
    return Prediction("hotel", label, 1.0, (), in_scope, 1.0, entities=entities)


def test_a_dialogue_fills_a_form_and_a_correction_replaces():
    form = TRIP.update(answer())
    assert form.next_question == "언제 떠나세요?"
    form = form.update(answer(entity("Tuesday")))
    assert form.next_question == "언제 돌아오세요?"
    form = form.update(answer(entity("Friday"), entity("Kim", "person", start=10), entity("Lee", "person", start=20)))
    assert form.complete and form.next_question is None
    assert form.values == {"leave": "Tuesday", "return": "Friday", "guest": ["Kim", "Lee"], "class": "economy"}
    corrected = form.update(answer(entity("Sunday")))
    assert corrected.values["return"] == "Sunday" and form.values["return"] == "Friday"
    assert corrected.update(answer(entity("Monday", role="from"))).values["leave"] == "Monday"


def test_two_entities_of_a_kind_go_by_role_else_in_the_order_of_the_utterance():
    turn = entity("Friday", start=9), entity("Tuesday", start=0)
    assert TRIP.update(turn).values["leave"] == "Tuesday"
    turn = entity("Friday", role="to", start=0), entity("Tuesday", role="from", start=9)
    assert TRIP.update(turn).values["leave"] == "Tuesday"
    turn = entity("Friday", role="to", start=0), entity("Tuesday", start=9)
    assert TRIP.update(turn).values["leave"] == "Tuesday"
    one = Form((Slot("day", "date", "When?"),))
    assert one.update([entity("Tuesday"), entity("Wednesday", start=9)]).values == {"day": "Wednesday"}


def test_another_intent_fills_only_what_was_asked():
    for turn in ({"label": "greet"}, {"in_scope": False}):
        form = TRIP.update(answer(entity("Tuesday"), entity("first", "class"), **turn))
        assert form.values == {"leave": "Tuesday", "class": "economy"}
    full = TRIP.fill("leave", "Tuesday").fill("return", "Friday")
    assert full.update(answer(entity("Sunday"), label="greet")) == full


def test_a_slot_is_filled_by_hand_and_emptied():
    form = TRIP.fill("guest", "Kim", "Lee")
    assert form.values["guest"] == ["Kim", "Lee"]
    assert form.fill("guest") == TRIP
    for name, values in (("hotel", ["x"]), ("leave", ["a", "b"]), ("leave", [3])):
        with pytest.raises(ConfigError):
            TRIP.fill(name, *values)


entities = st.builds(
    entity,
    st.text(max_size=4),
    st.sampled_from(["date", "person", "class", "other"]),
    st.sampled_from([None, "from", "to", "via"]),
    st.integers(0, 9),
)
turns = st.lists(st.lists(entities, max_size=4), max_size=4)


def after(said: list[list[PredictedEntity]]) -> Form:
    form = TRIP
    for turn in said:
        form = form.update(turn)
    return form


@settings(max_examples=60, deadline=None)
@given(turns)
def test_a_form_survives_json_wherever_it_stands(said: list[list[PredictedEntity]]):
    form = after(said)
    assert Form.from_dict(json.loads(json.dumps(form.to_dict()))) == form
    assert form.complete == (form.next_question is None) == ({"leave", "return"} <= set(form.values))


@settings(max_examples=60, deadline=None)
@given(turns, st.lists(entities, max_size=4))
def test_turns_with_roles_can_be_said_twice_and_empty_turns_change_nothing(
    said: list[list[PredictedEntity]], turn: list[PredictedEntity]
):
    form = after(said)
    assert form.update([]) == form
    turn = [replace(entry, role=entry.role or "to") for entry in turn]
    once = form.update(turn)
    assert once.update(turn).values == once.values


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([("date", "from"), ("date", "to"), ("class", None)]), st.text()), max_size=3)
)
def test_what_goes_to_different_slots_comes_in_any_order(said: list[tuple[tuple[str, str | None], str]]):
    turn = [entity(value, *kind) for kind, value in dict(said).items()]
    forward, backward = after([[entry] for entry in turn]), after([[entry] for entry in reversed(turn)])
    assert forward.values == backward.values == after([turn]).values


WRONG: list[Any] = [None, [], {}, {**TRIP.to_dict(), "version": 2}, {**TRIP.to_dict(), "more": 1}]
WRONG += [{**TRIP.to_dict(), key: wrong} for key in ("slots", "intents", "filled") for wrong in (3, "ab", [3], {})]
WRONG += [{**TRIP.to_dict(), "filled": [{"slot": "leave", "values": wrong}]} for wrong in ("x", [], ["a", "b"], [1])]
WRONG += [{**TRIP.to_dict(), "filled": [{"slot": ["x"], "values": ["a"]}]}, {**TRIP.to_dict(), "slots": [{}]}]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_what_is_no_form_is_refused(wrong: Any):
    with pytest.raises(ConfigError):
        Form.from_dict(wrong)


@pytest.mark.parametrize("wrong", [3, "Tuesday", ["Tuesday"], None])
def test_what_is_no_turn_is_refused(wrong: Any):
    with pytest.raises(ConfigError, match="A turn is a `Prediction`"):
        TRIP.update(wrong)


@pytest.mark.parametrize(
    "settings", [{"name": ""}, {"entity": 3}, {"question": " "}, {"required": 1}, {"role": 1}, {"default": 1}], ids=str
)
def test_what_is_no_slot_is_refused(settings: dict[str, Any]):
    with pytest.raises(ConfigError):
        Slot(**{"name": "day", "entity": "date", "question": "When?", **settings})


def test_two_slots_of_one_name_are_refused():
    with pytest.raises(ConfigError, match="same name"):
        Form((TRIP.slots[0], TRIP.slots[0]))
