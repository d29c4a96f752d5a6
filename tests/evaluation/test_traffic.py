from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from intent_adapters.bottleneck import Calibration
from intent_adapters.data import read_intents
from intent_adapters.errors import ConfigError, DataError
from intent_adapters.evaluation import review
from intent_adapters.model import IntentModel
from intent_adapters.prediction import Prediction

LOG = [
    *["room visit one", "room visit two", "room visit  one", "room visit three"],  # about one thing, one of them twice
    *["tea milk now", "tea milk soon"],
    "sure of it",
    "in doubt here",
]


class WordModel:
    """Rejects texts with "room" or "tea", is unsure of those with "doubt", and sure of the others."""

    def __init__(self, calibration: Calibration) -> None:
        self.calibration = calibration

    def sole_agent(self) -> str:
        return "shop"

    def labels(self, agent: str) -> list[str]:
        return ["book", "price"]

    def adapter(self, agent: str) -> SimpleNamespace:
        return SimpleNamespace(config=SimpleNamespace(calibration=self.calibration, catch_all=None))

    def predict(
        self, texts: Sequence[str], agents: str, *, top_k: int, threshold: float | None, batch_size: int
    ) -> list[Prediction]:
        return [self.answer(agents, text) for text in texts]

    def answer(self, agent: str, text: str) -> Prediction:
        strange = "room" in text or "tea" in text
        score = 0.3 if "doubt" in text else 0.9
        said, other = ("price", "book") if "tea" in text else ("book", "price")
        return Prediction(
            agent, said, score, ((said, score), (other, 1 - score)), not strange, 0.01 if strange else 0.6
        )

    def encode(self, texts: Sequence[str], *, batch_size: int) -> np.ndarray:
        return np.array([self.vector(text) for text in texts], dtype=np.float32)

    def vector(self, text: str) -> np.ndarray:
        total = np.zeros(64)
        for word in text.split():
            total += np.random.default_rng(sum(word.encode()) * 31 + len(word)).normal(size=64)
        return total / float(np.linalg.norm(total))


def model(calibration: Calibration | None = None) -> IntentModel:
    return cast(IntentModel, WordModel(calibration or Calibration(1.0, 0.0, 1.0, 0.05)))


def test_messages_are_grouped_by_meaning_the_largest_group_first():
    found = review(model(), LOG)
    assert (found.agent, found.messages, found.distinct) == ("shop", 8, 7)
    assert [(group.count, group.nearest, len(group.texts)) for group in found.groups] == [
        (4, "book", 3),
        (2, "price", 2),
        (1, "price", 1),  # it said "book", but without believing it
    ]
    assert [group.name for group in found.groups[:2]] == ["room_visit_one", "tea_milk_now"]
    assert {(text.text, text.count) for text in found.groups[0].texts} == {
        ("room visit one", 2),
        ("room visit two", 1),
        ("room visit three", 1),
    }
    assert [group.texts[0].reason for group in found.groups] == ["rejected", "rejected", "unsure"]
    assert json.loads(json.dumps(found.to_dict()))["groups"][0]["texts"][0]["said"] == "book"


def test_drift_says_how_far_the_traffic_is_from_the_examples():
    drift = review(model(), LOG).drift
    assert (drift.rejected, drift.expected, drift.unsure) == (0.75, 0.05, 0.125)
    assert drift.scope_score == pytest.approx(0.01)
    assert drift.distance == pytest.approx(0.75 - 0.01)
    own = review(model(), ["sure of it", "sure of that"]).drift
    assert (own.rejected, own.unsure) == (0, 0)
    assert own.distance is not None
    assert drift.distance is not None
    assert own.distance < drift.distance
    uncalibrated = review(model(Calibration()), LOG).drift
    assert (uncalibrated.expected, uncalibrated.scope_score, uncalibrated.distance) == (None, None, None)


def test_the_limit_of_doubt_can_be_chosen():
    assert review(model(), ["sure of it", "in doubt here"], unsure=0).groups == ()
    assert len(review(model(), ["sure of it", "in doubt here"], unsure=1).groups) > 0
    with pytest.raises(ConfigError, match=r"unsure is a number in \[0, 1\], not 2"):
        review(model(), LOG, unsure=2)


@pytest.mark.parametrize("name", ["todo.csv", "todo.jsonl"])
def test_a_review_is_labelled_in_part_and_read_again(tmp_path: Path, name: str):
    path = tmp_path / name
    found = review(model(), [*LOG, 'room visit, "quoted"\nand broken'])
    found.write(path)
    text = path.read_text(encoding="utf-8-sig")
    # The first group gets its label, as somebody would type it.
    empty = '"label": ""' if name.endswith("jsonl") else "room visit one,,"
    path.write_text(text.replace(empty, empty[:-1] + ("book_room" + empty[-1]), 1), encoding="utf-8")
    own = [{"text": "hello", "label": "greet"}, {"text": "what is the price", "label": "price"}]
    with pytest.warns(UserWarning, match="rows without a label"):
        rows = read_intents(own, add=[path])
    assert rows["label"][:2] == ["greet", "price"]
    assert rows["label"][2:] == ["book_room"]
    assert rows["text"][2:][0].startswith("room visit")


def test_files_of_other_kinds_are_refused(tmp_path: Path):
    found = review(model(), LOG)
    with pytest.raises(ConfigError, match=r"must end in \.csv or \.jsonl"):
        found.write(tmp_path / "todo.xlsx")
    with pytest.raises(ConfigError, match="there is no folder"):
        found.write(tmp_path / "nowhere" / "todo.csv")
    with pytest.raises(DataError, match=r"texts\[1\]: the text is empty"):
        review(model(), ["a", ""])


def test_very_many_messages_join_the_groups_of_the_frequent_ones(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("intent_adapters.evaluation.traffic.MOST_CLUSTERED", 4)
    log = [
        *(f"room visit {number}" for number in range(6)),
        *["tea milk now"] * 2,
        *["tea milk soon"] * 2,
        "tea milk x",
    ]
    assert [group.count for group in review(model(), log).groups] == [6, 5]
