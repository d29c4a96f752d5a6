from __future__ import annotations

import numpy as np
import pytest

from intent_adapters.evaluation.answers import Answers
from intent_adapters.evaluation.mistakes import find_mistakes

INTENTS = ("book", "cancel", "none")


def answers(*said: tuple[str, str, float, float, bool]) -> Answers:
    """Of text, intent, its probability, scope score, accepted."""
    texts, labels, probabilities, scores, accepted = zip(*said, strict=True)
    predicted = np.array([INTENTS.index(label) for label in labels])
    table = np.zeros((len(said), len(INTENTS)), dtype=np.float32)
    table[np.arange(len(said)), predicted] = probabilities
    return Answers(texts, INTENTS, table, predicted, np.array(scores), np.array(accepted))


def test_every_kind_of_mistake_is_named_the_surest_first():
    given = answers(
        ("a", "book", 0.9, 0.8, True),
        ("b", "cancel", 0.6, 0.7, True),
        ("c", "cancel", 0.8, 0.9, True),
        ("d", "book", 0.9, 0.01, False),
        ("e", "book", 0.9, 0.04, False),
    )
    foreign = answers(("x", "book", 0.5, 0.2, True), ("y", "book", 0.5, 0.01, False), ("z", "cancel", 0.4, 0.6, True))
    found = find_mistakes(given, ["book", "book", "book", "book", "cancel"], foreign)
    assert [(one.kind, one.text, one.meant, one.said, one.row) for one in found] == [
        ("wrong", "c", "book", "cancel", 2),
        ("wrong", "b", "book", "cancel", 1),
        ("wrongly accepted", "z", None, "cancel", 2),
        ("wrongly accepted", "x", None, "book", 0),
        ("falsely rejected", "e", "cancel", "book", 4),
        ("falsely rejected", "d", "book", "book", 3),
    ]
    assert found[0].probability == pytest.approx(0.8)
    assert found[0].scope_score == 0.9
    assert found[0].to_dict()["meant"] == "book"


def test_rows_of_a_catch_all_are_right_when_they_are_rejected():
    given = answers(("a", "none", 0.9, 0.8, False), ("b", "book", 0.6, 0.7, True), ("c", "none", 0.8, 0.9, False))
    found = find_mistakes(given, ["none", "none", "book"], catch_all=["none"])
    assert [(one.kind, one.text, one.meant) for one in found] == [
        ("wrongly accepted", "b", "none"),
        ("falsely rejected", "c", "book"),
    ]
