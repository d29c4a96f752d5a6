from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples.wrong_labels import flip
from intent_adapters.data import read_intents
from intent_adapters.data.check import DataReport, check
from intent_adapters.data.reading import read_rows
from intent_adapters.errors import DataError
from intent_adapters.model import IntentModel

ROOT = Path(__file__).parents[2]

WORDS = {"book": "room visit table", "cancel": "drop undo stop", "price": "cost fee euro", "hours": "open close noon"}


@dataclass(frozen=True)
class Count:
    tokens: int
    unknown: int
    cut: bool


class WordEncoder:
    """Embeds a text by its words, each of which has its own direction; knows no words with "z"."""

    def __init__(self, limit: int = 20) -> None:
        self.limit = limit

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        return np.array([self.vector(text) for text in texts], dtype=np.float32)

    def vector(self, text: str) -> np.ndarray:
        total = np.zeros(64)
        for word in text.lower().split():
            total += np.random.default_rng(sum(word.encode()) * 31 + len(word)).normal(size=64)
        return total / max(float(np.linalg.norm(total)), 1e-9)

    def count_tokens(self, texts: Sequence[str]) -> list[Count]:
        words = [text.split() for text in texts]
        return [Count(len(own) + 2, sum("z" in word for word in own), len(own) > self.limit) for own in words]


def rows(per_intent: int = 6) -> list[dict[str, str]]:
    """Texts of an intent share two words of their own, and have one by which they differ."""
    return [
        {"text": f"{' '.join(words.split()[:2])} w{label}{number}", "label": label}
        for label, words in WORDS.items()
        for number in range(per_intent)
    ]


def kinds(report: DataReport) -> list[str]:
    return [finding.kind for finding in report.findings]


def test_clean_data_have_no_findings():
    report = check(rows(), WordEncoder())
    assert (report.rows, report.intents, report.findings) == (24, 4, ())
    assert check(rows()).findings == ()


def test_wrong_labels_come_first_with_their_places_and_what_they_are_near_to(tmp_path: Path):
    given_rows = rows()
    given_rows[3]["label"] = "price"
    given_rows[20]["label"] = "cancel"
    path = tmp_path / "shop.csv"
    path.write_text("text,label\n" + "".join(f"{row['text']},{row['label']}\n" for row in given_rows))
    report = check(path, WordEncoder())
    assert kinds(report) == ["wrong label", "wrong label"]
    assert {finding.places for finding in report.findings} == {(f"{path}:5",), (f"{path}:22",)}
    by_place = {finding.places[0]: finding for finding in report.findings}
    assert by_place[f"{path}:5"].labels == ("price", "book")
    assert by_place[f"{path}:5"].texts == (given_rows[3]["text"],)
    assert "much nearer to 'book' than to the rest of 'price'" in by_place[f"{path}:5"].reason
    assert report.problems == report.findings
    assert json.loads(json.dumps(report.to_dict()))["findings"][0]["is_problem"] is True


def test_the_only_row_of_an_intent_is_suspected_only_where_it_fits_another_one():
    alone = [*rows(), {"text": "something else altogether", "label": "fun"}]
    assert "wrong label" not in kinds(check(alone, WordEncoder()))
    stray = [*rows(), {"text": "room visit room visit", "label": "fun"}]
    [finding] = check(stray, WordEncoder()).of_kind("wrong label")
    assert finding.labels == ("fun", "book")


def test_texts_that_are_nearly_the_same_are_found_with_and_without_a_base():
    given_rows = [
        *rows(),
        {"text": "Room visit, wbook1!", "label": "book"},
        {"text": "COST fee wprice2", "label": "book"},
    ]
    for encoder in (None, WordEncoder()):
        report = check(given_rows, encoder)
        [within] = report.of_kind("near-duplicate")
        assert within.places == ("rows[1]", "rows[24]")
        [across] = report.of_kind("two intents")
        assert (across.places, across.labels) == (("rows[14]", "rows[25]"), ("price", "book"))
        assert across in report.problems
        assert within not in report.problems
    swapped = [*rows(), {"text": "visit room wbook1", "label": "book"}]
    assert not check(swapped).findings
    assert [finding.places for finding in check(swapped, WordEncoder()).findings] == [("rows[1]", "rows[24]")]


def test_small_intents_look_alikes_and_a_catch_all():
    given_rows = [*rows(), {"text": "tell me a joke", "label": "기타"}, {"text": "by noon", "label": "Hours"}]
    with pytest.warns(UserWarning, match="differ only in case"):
        report = check(given_rows)
    assert sorted(kinds(report)) == sorted(["look-alike labels", "few utterances", "few utterances", "catch-all"])
    assert report.of_kind("catch-all")[0].labels == ("기타",)
    assert kinds(report.without(["few utterances", "catch-all"])) == ["look-alike labels"]
    typo = [*rows(), {"text": "undo that", "label": "cancle"}]
    assert [finding.labels for finding in check(typo).of_kind("look-alike labels")] == [("cancle", "cancel")]


def test_a_broad_intent_is_found():
    scattered = [{"text": f"q{number} r{number} s{number}", "label": "many things"} for number in range(8)]
    more = [{"text": f"tea milk wmore{number}", "label": "drinks"} for number in range(6)]
    [finding] = check([*rows(), *more, *scattered], WordEncoder()).of_kind("broad intent")
    assert finding.labels == ("many things",)
    named = [row | {"label": "none"} for row in scattered]
    assert not check([*rows(), *more, *named], WordEncoder()).of_kind("broad intent")


def test_what_the_base_cannot_read():
    long = " ".join("abcdefghijklmnop")
    given_rows = [*rows(), {"text": "zig zag zoo", "label": "book"}, {"text": long, "label": "hours"}]
    report = check(given_rows, WordEncoder(limit=10))
    assert [finding.places for finding in report.of_kind("unknown to the base")] == [("rows[24]",)]
    assert [finding.places for finding in report.of_kind("cut text")] == [("rows[25]",)]
    foreign = [{"text": f"zz{row['text']} z".replace(" ", " z"), "label": row["label"]} for row in rows()]
    foreign[0]["label"] = "price"
    report = check(foreign, WordEncoder())
    assert kinds(report) == ["unknown to the base"]  # a base that reads nothing is not asked what they mean
    assert len(report.findings[0].places) == 24


def test_data_that_cannot_be_read_are_an_error():
    with pytest.raises(DataError, match="the text is empty"):
        check([{"text": "", "label": "book"}])


@given(st.lists(st.tuples(st.text(min_size=1, max_size=8), st.sampled_from("abc")), min_size=2, max_size=12))
@settings(max_examples=60, deadline=None)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_any_rows_that_can_be_trained_on_can_be_checked(pairs: list[tuple[str, str]]):
    given_rows = [{"text": text, "label": label} for text, label in pairs]
    try:
        read = read_rows(given_rows, purpose="evaluation")
    except DataError:
        return
    report = check(given_rows, WordEncoder(limit=3))
    places = {row.place for row in read}
    assert report.rows == len(read)
    for finding in report.findings:
        assert set(finding.places) <= places
        assert len(finding.places) == len(finding.texts)
        assert finding.reason
        assert finding.advice


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "ko-en"])
def test_flipped_labels_of_the_example_agents_are_found(language: str):
    """Of as many suspects as labels were flipped, 70 % were, on the mean of three agents and seeds."""
    base = IntentModel.from_pretrained(ROOT / "model_cards" / f"intent-base-{language}", device="cpu")
    precisions = []
    for agent in ("clinic", "it_helpdesk", "public_office"):
        rows = [dict(row) for row in read_intents(ROOT / "examples/agents" / language[:2] / agent, split="train")]
        for seed in (0, 1, 2):
            spoilt, flipped = flip(rows, 0.05, seed)
            suspects = [finding.places[0] for finding in check(spoilt, base).of_kind("wrong label")]
            right = {f"rows[{row}]" for row in flipped}.intersection(suspects[: len(flipped)])
            precisions.append(len(right) / len(flipped))
    assert np.mean(precisions) >= 0.7
