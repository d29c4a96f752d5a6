from __future__ import annotations

import itertools
import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intent_adapters.data import EntityAnnotation
from intent_adapters.errors import DataError
from intent_adapters.evaluation import EntityScores, score_entities
from intent_adapters.prediction import PredictedEntity

TEXT = "from 서울 to Busan on Friday"
TYPES = ("city", "date", "도시")


def mark(start: int, end: int, entity: str, value: str | None = None, role: str | None = None) -> EntityAnnotation:
    return EntityAnnotation(start, end, entity, TEXT[start:end] if value is None else value, role)


def said(start: int, end: int, entity: str, value: str = "", role: str | None = None) -> PredictedEntity:
    return PredictedEntity(start, end, TEXT[start:end], entity, value, role, 1.0, "tagger")


def scored(marked: Sequence[EntityAnnotation], found: Sequence[PredictedEntity]) -> EntityScores:
    return score_entities([TEXT], [marked], [found])


def kinds(scores: EntityScores) -> list[tuple[str, str | None, str | None]]:
    return [
        (wrong.kind, wrong.meant and str(wrong.meant), wrong.said and str(wrong.said)) for wrong in scores.mistakes
    ]


def test_each_kind_of_mistake_is_told_apart():
    marked = [mark(5, 7, "city"), mark(11, 16, "city"), mark(20, 26, "date")]
    scores = scored(marked, [said(5, 7, "city"), said(8, 16, "city"), said(20, 26, "time"), said(0, 4, "city")])
    assert kinds(scores) == [
        ("spurious", None, "city: from"),
        ("wrong boundaries", "city: Busan", "city: to Busan"),
        ("wrong type", "date: Friday", "time: Friday"),
    ]
    assert kinds(scored(marked, [])) == [
        ("missed", "city: 서울", None),
        ("missed", "city: Busan", None),
        ("missed", "date: Friday", None),
    ]
    assert (scores.support, scores.predicted, scores.precision, scores.recall) == (3, 4, 1 / 4, 1 / 3)
    assert (scores.f1, scores.lenient_f1) == pytest.approx((2 / 7, 4 / 7))
    cells = {(cell.meant, cell.said): cell.count for cell in scores.confusion_table}
    assert cells == {("city", "city"): 2, ("date", "time"): 1, (None, "city"): 1}
    by_type = {score.entity: score for score in scores.entities}
    assert [score.entity for score in scores.entities] == ["date", "time", "city"]
    assert (by_type["city"].precision, by_type["city"].recall, by_type["city"].lenient_f1) == (1 / 3, 1 / 2, 0.8)
    assert (by_type["date"].support, by_type["date"].predicted, by_type["time"].predicted) == (1, 0, 1)


def test_texts_of_which_nobody_said_what_they_have_are_left_out_and_empty_ones_are_not():
    found = [[said(5, 7, "city")], [said(5, 7, "city")], [said(5, 7, "city")]]
    scores = score_entities([TEXT] * 3, [[mark(5, 7, "city")], [], None], found)
    assert (scores.rows, scores.unknown_rows, scores.support, scores.predicted) == (2, 1, 1, 2)
    assert [(wrong.kind, wrong.row) for wrong in scores.mistakes] == [("spurious", 1)]


def test_values_count_where_they_are_not_the_text():
    marked = [mark(5, 7, "city", "Seoul"), mark(11, 16, "city", "부산"), mark(20, 26, "date")]
    found = [said(5, 7, "city", "Seoul"), said(11, 16, "city", "Daegu"), said(20, 26, "date", "2026-12-04")]
    scores = scored(marked, found)
    assert (scores.f1, scores.valued, scores.value_accuracy) == (1, 2, 0.5)
    assert scored(marked[2:], found).value_accuracy is None
    composed, taken_apart = "\uac00", "\u1100\u1161"
    assert scored([mark(5, 7, "city", composed)], [said(5, 7, "city", taken_apart)]).value_accuracy == 1


def test_roles_count_only_where_they_are_marked_and_the_agent_tells_any():
    marked = [mark(5, 7, "city", role="from"), mark(11, 16, "city", role="to"), mark(20, 26, "date")]
    without = [said(5, 7, "city"), said(11, 16, "city"), said(20, 26, "date")]
    assert scored(marked, without).role_accuracy is None
    assert scored(marked, [said(5, 7, "city", role="from"), *without[1:]]).role_accuracy == 0.5
    assert scored([mark(20, 26, "date")], [said(20, 26, "date", role="to")]).role_accuracy is None


def test_marked_entities_may_overlap():
    marked = [mark(5, 16, "trip"), mark(5, 7, "city"), mark(11, 16, "city")]
    scores = scored(marked, [said(5, 7, "city"), said(11, 16, "city")])
    assert (scores.precision, scores.recall) == (1, 2 / 3)
    assert kinds(scores) == [("missed", "trip: 서울 to Busan", None)]
    one_for_two = scored(marked[1:], [said(5, 16, "city")])
    assert (one_for_two.lenient_precision, one_for_two.lenient_recall) == (1, 0.5)


def test_json_holds_it_all():
    scores = scored([mark(5, 7, "city")], [said(5, 8, "city")])
    found = json.loads(json.dumps(scores.to_dict()))
    assert found["mistakes"][0]["meant"] == {"start": 5, "end": 7, "entity": "city", "text": "서울"}
    assert found["confusion_table"] == [{"meant": "city", "said": "city", "count": 1}]


def test_what_cannot_be_compared_is_an_error():
    with pytest.raises(DataError, match="1 texts, 2 lists"):
        score_entities([TEXT], [[], []], [[]])
    with pytest.raises(DataError, match="no text is annotated"):
        score_entities([TEXT], [None], [[]])


@st.composite
def spans(draw: st.DrawFn) -> tuple[int, int, str]:
    start = draw(st.integers(0, 7))
    return start, draw(st.integers(start + 1, 8)), draw(st.sampled_from(TYPES))


def exactly(marked: list[list[tuple]], found: list[list[tuple]]) -> tuple[float, float, float]:
    """Precision, recall and F1 of spans of all texts, as sets."""
    gold = {(row, *span) for row, entities in enumerate(marked) for span in entities}
    given_ = {(row, *span) for row, entities in enumerate(found) for span in entities}
    precision = len(gold & given_) / len(given_) if given_ else 0.0
    recall = len(gold & given_) / len(gold) if gold else 0.0
    return precision, recall, 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def leniently(gold: set[tuple], given_: set[tuple]) -> int:
    """How many pairs of the same type there are, when the best that is left is always taken next."""
    right = 0
    while True:
        best = None
        for one, other in itertools.product(sorted(gold), sorted(given_)):
            shared = len(set(range(*one[:2])) & set(range(*other[:2])))
            if one[2] == other[2] and shared and (best is None or (one == other, shared) > best[0]):
                best = ((one == other, shared), one, other)
        if best is None:
            return right
        right += 1
        gold, given_ = gold - {best[1]}, given_ - {best[2]}


@given(st.lists(st.tuples(st.lists(spans(), max_size=4), st.lists(spans(), max_size=4)), min_size=1, max_size=3))
def test_scores_are_those_of_a_slow_reference(rows):
    marked, found = map(list, zip(*rows, strict=True))
    scores = score_entities(
        [TEXT] * len(rows),
        [[mark(*span) for span in row] for row in marked],
        [[said(*s) for s in row] for row in found],
    )
    assert (scores.precision, scores.recall, scores.f1) == pytest.approx(exactly(marked, found))
    lenient = sum(leniently(set(gold), set(given_)) for gold, given_ in rows)
    assert scores.lenient_f1 == pytest.approx(2 * lenient / max(1, scores.support + scores.predicted))
    for score in scores.entities:
        own = [[[span for span in row if span[2] == score.entity] for row in side] for side in (marked, found)]
        assert (score.precision, score.recall, score.f1) == pytest.approx(exactly(*own))
    # Each marked and each found entity is in one cell of the table, and right or in one mistake.
    cells = scores.confusion_table
    assert sum(cell.count for cell in cells if cell.meant is not None) == scores.support
    assert sum(cell.count for cell in cells if cell.said is not None) == scores.predicted
    right = sum(cell.count for cell in cells) - len(scores.mistakes)
    assert right == pytest.approx(scores.recall * scores.support)
