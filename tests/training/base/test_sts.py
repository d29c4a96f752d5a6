"""Evaluation on sentence similarity during training."""

from __future__ import annotations

import csv

import pytest
from scipy.stats import spearmanr

from intent_adapters.errors import DataError
from intent_adapters.training.base.sts import sts_evaluator
from tests.support.shared import shared_path
from tests.support.tiny import tiny_base

ROWS = [
    ("abc", "abc 1", "4.8"),
    ('say "hello', "예약", "0.0"),
    ("진료 예약", "예약 진료", "5"),
    ("hello", "x", "1.25"),
]


def write(path, rows, header="id\tscore\tsentence1\tsentence2"):
    path.write_text("\n".join([header, *(f"7\t{score}\t{a}\t{b}" for a, b, score in rows)]) + "\n", encoding="utf-8")
    return path


def test_spearman_of_cosines(tmp_path):
    model = tiny_base(tmp_path)
    scores = sts_evaluator(write(tmp_path / "sts.tsv", ROWS), name="dev")(model)
    cosines = [float(model.similarity(*model.encode([a, b])[:, None])) for a, b, _ in ROWS]
    expected = spearmanr(cosines, [float(score) for *_, score in ROWS]).statistic
    assert scores["dev_spearman_cosine"] == pytest.approx(expected)


def test_a_sentence_may_hold_a_line_separator(tmp_path):
    rows = [("abc\u2028def", "abc", "3"), ("x", "y", "1")]
    assert sts_evaluator(write(tmp_path / "sts.tsv", rows)).sentences1 == ["abc\u2028def", "x"]


def test_what_it_refuses(tmp_path):
    with pytest.raises(DataError, match=r"missing\.tsv: cannot be read"):
        sts_evaluator(tmp_path / "missing.tsv")
    with pytest.raises(DataError, match="no column 'score'"):
        sts_evaluator(write(tmp_path / "a.tsv", ROWS, header="id\tgold\tsentence1\tsentence2"))
    with pytest.raises(DataError, match=r"b\.tsv:3: the score 7\.0 is not between 0 and 5"):
        sts_evaluator(write(tmp_path / "b.tsv", [ROWS[0], ("a", "b", "7")]))
    with pytest.raises(DataError, match=r"c\.tsv:2: not two sentences and a score"):
        sts_evaluator(write(tmp_path / "c.tsv", [("a", "b", "high")]))


def test_korsts_is_read_whole():
    path = shared_path("data/sts/korsts_dev.tsv")
    with path.open(encoding="utf-8") as lines:
        rows = list(csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    evaluator = sts_evaluator(path)
    assert len(evaluator.sentences1) == len(rows) - 1
