from __future__ import annotations

import itertools

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot

from intent_adapters.errors import DataError
from intent_adapters.evaluation import risk_coverage, score_calibration, score_labels
from intent_adapters.evaluation.plots import (
    Picture,
    intent_similarity,
    most_confused,
    most_similar,
    plot_confidence,
    plot_confusion,
    plot_entities,
    plot_learning_curve,
    plot_map,
    plot_reliability,
    plot_risk_coverage,
    plot_similarity,
)
from tests.evaluation.plots.support import blobs, many_confusions, many_entities, size_of, written

RANDOM = np.random.default_rng(0)
SURE = RANDOM.uniform(0.2, 1, 60)
RIGHT = RANDOM.random(60) < SURE
TABLE = RANDOM.dirichlet(np.ones(4), 60)

PICTURES = {
    "confusion": lambda: plot_confusion(many_confusions(5)),
    "confusion of many intents": lambda: plot_confusion(many_confusions(60)),
    "confusion without mistakes": lambda: plot_confusion(score_labels(["a", "b"], ["a", "b"])),
    "no confusion among many": lambda: plot_confusion(score_labels(*[[str(n) for n in range(50)]] * 2)),
    "confusion of one intent": lambda: plot_confusion(score_labels(["a"], ["a"])),
    "similarity": lambda: plot_similarity(*blobs(5)),
    "similarity of many intents": lambda: plot_similarity(*blobs(60, rows=2)),
    "similarity of two intents": lambda: plot_similarity(*blobs(2)),
    "similarity of one intent": lambda: plot_similarity(*blobs(1)),
    "map": lambda: plot_map(blobs(10)[0], *blobs(10, seed=1)),
    "map of three rows": lambda: plot_map(blobs(3, 1)[0], *blobs(3, 1)),
    "map of equal rows": lambda: plot_map(np.ones((4, 8)), np.ones((4, 8)), ["a", "a", "b", "b"]),
    "confidence": lambda: plot_confidence(SURE, RIGHT),
    "confidence and others": lambda: plot_confidence(SURE, RIGHT, SURE / 2, 0.4, "energy"),
    "confidence, all right": lambda: plot_confidence([1.0, 1.0], [True, True], threshold=1.0),
    "reliability": lambda: plot_reliability(score_calibration(TABLE, RANDOM.integers(0, 4, 60))),
    "reliability of one row": lambda: plot_reliability(score_calibration([[0.5, 0.5]], [1])),
    "risk and coverage": lambda: plot_risk_coverage({"a": risk_coverage(SURE, RIGHT)}, {"a": (0.5, 0.1)}),
    "no risk": lambda: plot_risk_coverage({str(n): risk_coverage([1.0], [True]) for n in range(8)}),
    "entities": lambda: plot_entities(many_entities(4)),
    "learning curve": lambda: plot_learning_curve({"a": {1: [0.5], 5: [0.7, 0.8]}, "b": {2: [0.4]}}),
}


@pytest.mark.parametrize("name", PICTURES)
def test_every_picture_is_drawn_and_leaves_matplotlib_as_it_was(name: str):
    before = dict(matplotlib.rcParams)
    picture = PICTURES[name]()
    width, height = size_of(picture._repr_png_())
    assert 400 < width < 4000
    assert 400 < height < 4000
    assert pyplot.get_fignums() == []
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("intents", [30, 60])
@pytest.mark.parametrize("what", ["similarity", "confusion"])
def test_names_of_intents_are_neither_cut_off_nor_laid_over_each_other(what: str, intents: int):
    similar = what == "similarity"
    picture = plot_similarity(*blobs(intents, rows=2)) if similar else plot_confusion(many_confusions(intents))
    named = next(axes for axes in picture.axes if any("intent" in name.get_text() for name in axes.get_yticklabels()))
    for labels, start, end in ((named.get_yticklabels(), "y0", "y1"), (named.get_xticklabels(), "x0", "x1")):
        boxes = sorted((label.get_window_extent() for label in labels), key=lambda box: getattr(box, start))
        assert all(picture.bbox.padded(2).contains(*corner) for box in boxes for corner in box.corners())
        assert all(getattr(after, start) >= getattr(before, end) for before, after in itertools.pairwise(boxes))


def test_a_file_is_written_and_its_folder_made(tmp_path):
    path = plot_confidence(SURE, RIGHT).write(tmp_path / "new" / "a.png")
    assert size_of(path.read_bytes())[0] > 400


def test_a_picture_is_the_same_whatever_the_settings_of_the_caller():
    expected = plot_confusion(many_confusions(4))._repr_png_()
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "black", "savefig.dpi": 20}):
        assert plot_confusion(many_confusions(4))._repr_png_() == expected


def test_counts_stand_in_the_cells():
    scores = score_labels(list("aaabbc"), list("aabbba"))
    texts = written(plot_confusion(scores))
    assert sorted(text for text in texts if text.isdigit()) == ["1", "1", "2", "2"]
    assert {"a", "b", "c", "meant", "said"} <= set(texts)
    assert any("2 of 6 utterances" in text for text in texts)


def test_missed_and_spurious_entities_have_a_column_and_a_row():
    texts = written(plot_entities(many_entities(4)))
    assert {"missed", "spurious", "type 0 (2)"} <= set(texts)
    assert sum(text.startswith("type") for text in written(plot_entities(many_entities(60)))) == 3 * 24


def test_of_many_intents_the_most_confused_are_named():
    scores = many_confusions(60)
    named = {text for text in written(plot_confusion(scores)) if text.startswith("intent ")}
    assert named == set(most_confused(scores, 24))
    assert len(named) in (23, 24)


def test_most_confused_takes_whole_pairs():
    scores = score_labels(list("aaabbcd"), list("bbbccdd"))
    assert most_confused(scores, 3) == ["a", "b", "c"]
    assert most_confused(scores, 2) == ["a", "b"]
    assert most_confused(score_labels(["a"], ["a"]), 3) == []


def test_confused_intents_stand_side_by_side():
    names = [f"{n:02}" for n in range(12)]
    scores = score_labels(names * 3, [names[(n + 6) % 12] for n in range(12)] * 2 + names)
    rows = [text for text in written(plot_confusion(scores)) if text in names][:12]
    places = {name: place for place, name in enumerate(rows)}
    assert all(abs(places[names[n]] - places[names[n + 6]]) == 1 for n in range(6))


def test_similarity_is_the_cosine_of_class_means():
    vectors, labels = blobs(4)
    names, cosines = intent_similarity(vectors, labels)
    means = []
    for name in names:
        units = [row / np.linalg.norm(row) for row, label in zip(vectors, labels, strict=True) if label == name]
        means.append(sum(units) / len(units))
    for row, first in enumerate(means):
        for column, second in enumerate(means):
            expected = first @ second / np.linalg.norm(first) / np.linalg.norm(second)
            assert cosines[row, column] == pytest.approx(expected)
    pairs = [(cosines[row, column], {names[row], names[column]}) for row in range(4) for column in range(row)]
    assert set(most_similar(names, cosines, 2)) == max(pairs, key=lambda pair: pair[0])[1]


def test_the_map_tells_how_much_clearer_the_intents_became():
    after, labels = blobs(10)
    before = np.random.default_rng(0).normal(size=after.shape)
    picture = plot_map(before, after, labels, highlight=["intent 3", "intent 4"])
    bare, adapted = (axes.get_title(loc="left") for axes in picture.axes)
    assert bare.startswith("the bare base: ")
    assert int(bare.split()[-2]) < 30
    assert adapted == "with the adapter: nearest neighbour of the same intent for 100 %"
    assert [text.get_text() for text in picture.legends[0].get_texts()] == ["intent 3", "intent 4", "8 other intents"]


def test_shares_rejected_are_those_below_the_threshold():
    texts = written(plot_confidence([0.1, 0.6, 0.7, 0.8], [False, True, True, True], [0.2, 0.3, 0.9], 0.65))
    assert [text for text in texts if "rejected" in text] == [
        "33.3 % rejected",
        "100.0 % rejected",
        "66.7 % rejected",
    ]
    assert "right: 3 utterances" in texts


def test_names_that_matplotlib_would_take_for_something_else():
    names = ["_hidden", "$x_1$ costs", r"\alpha", "{a}"]
    texts = written(plot_learning_curve({name: {1: [0.5]} for name in names}))
    assert set(names) <= set(texts)
    assert set(names) <= set(written(plot_confusion(score_labels(names, names[::-1]))))


def test_long_names_are_cut_in_the_middle():
    name = "balance_not_updated_after_cheque_or_cash_deposit"
    korean = "건강보험 적용 여부를 물어보는 아주 긴 이름의 의도입니다"
    texts = written(plot_confusion(score_labels([name, korean], [name, korean])))
    assert "balance_not_upd…r_cash_deposit" in "".join(texts) or any("…" in text for text in texts)
    shown = [text for text in texts if "…" in text]
    assert {text[0] for text in shown} == {"b", "건"}
    assert {text[-1] for text in shown} == {"t", "다"}


def test_data_that_does_not_fit():
    with pytest.raises(DataError, match="2 labels"):
        plot_similarity(np.ones((3, 2)), ["a", "b"])
    with pytest.raises(DataError, match="at least 3"):
        plot_map(np.ones((2, 2)), np.ones((2, 2)), ["a", "b"])
    with pytest.raises(DataError, match="learning curve of a system is empty"):
        plot_learning_curve({"a": {1: []}})
    with pytest.raises(DataError, match="at least one row"):
        plot_confidence([], [])


def test_a_notebook_shows_a_picture():
    assert isinstance(PICTURES["reliability"](), Picture)
    assert PICTURES["reliability"]()._repr_png_().startswith(b"\x89PNG")
