from __future__ import annotations

import numpy as np
import pytest
from datasets import Dataset

from examples.frozen import accuracies, by_class_means, by_regression, cell
from tests.support.tiny import tiny_base

# Two directions for each intent, with the mean between them.
TRAIN = np.array([[1, 0, 0], [0.8, 0.6, 0], [0, 0, 1], [0, 0.6, 0.8]], dtype=np.float32)
LABELS = np.array(["cancel", "cancel", "pay", "pay"])
TEST = np.array([[0.9, 0.43589, 0], [0, 0.1, 0.99499], [0.99499, 0, 0.1]], dtype=np.float32)


@pytest.mark.parametrize("decide", [by_class_means, by_regression])
def test_near_texts_have_the_same_intent(decide):
    assert decide(TRAIN, LABELS, TEST).tolist() == ["cancel", "pay", "cancel"]


def test_a_mean_counts_by_its_direction():
    # The mean of "far" is short, since its texts point apart; that makes it no less near.
    train = np.array([[1, 0], [-0.6, 0.8], [0.6, 0.8]], dtype=np.float32)
    labels = np.array(["far", "far", "near"])
    assert by_class_means(train, labels, np.array([[0.45, 0.893]], dtype=np.float32)).tolist() == ["far"]


def test_texts_that_were_trained_on_are_found(tmp_path):
    tiny_base(tmp_path).save_pretrained(str(tmp_path / "base"))
    rows = Dataset.from_dict({"text": ["예약 abc", "cancel x1", "hello 얼마"], "label": ["a", "b", "c"]})
    assert accuracies(str(tmp_path / "base"), [(rows, rows)] * 2).tolist() == [[100.0, 100.0]] * 2


def test_a_spread_needs_several_draws():
    assert cell(np.array([80.0])) == "80.00"
    assert cell(np.array([80.0, 82.0])) == "81.00 ± 1.41 (80.00 / 82.00)"
