from __future__ import annotations

from collections import Counter

import pytest
from datasets import Dataset

from intent_adapters.data import few_shot_split, label_counts
from intent_adapters.errors import ConfigError, DataError


def rows(**counts: int) -> Dataset:
    return Dataset.from_list([{"text": f"{k} {i}", "label": k} for k, n in counts.items() for i in range(n)])


def test_counts_are_sorted_by_label():
    assert list(label_counts(rows(b=2, a=3, c=1)).items()) == [("a", 3), ("b", 2), ("c", 1)]


@pytest.mark.parametrize("shots", [1, 2, 5])
def test_each_intent_gives_as_many_rows_and_none_is_lost(shots: int):
    data = rows(a=5, b=9, c=20)
    train, rest = few_shot_split(data, shots)
    assert Counter(train["label"]) == {"a": shots, "b": shots, "c": shots}
    assert sorted([*train["text"], *rest["text"]]) == sorted(data["text"])


def test_the_draw_depends_on_the_seed_alone():
    data = rows(a=30, b=30)
    draws = [few_shot_split(data, 5, seed)[0].to_list() for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]


def test_another_intent_does_not_change_the_draw():
    small, large = few_shot_split(rows(a=30, b=30), 5)[0], few_shot_split(rows(c=9, a=30, b=30), 5)[0]
    assert set(small["text"]) < set(large["text"])


def test_rows_keep_their_order():
    data = rows(a=10, b=10).shuffle(seed=1)
    for part in few_shot_split(data, 3):
        positions = [data["text"][:].index(text) for text in part["text"]]
        assert positions == sorted(positions)


def test_too_few_rows_and_senseless_shots():
    with pytest.raises(DataError, match="1 intents have fewer than 4 rows, such as 'a' with 3; ask for at most 3"):
        few_shot_split(rows(a=3, b=9), 4)
    for shots in (0, -1, 1.5, True, "2"):
        with pytest.raises(ConfigError, match="whole number of at least 1"):
            few_shot_split(rows(a=3), shots)  # type: ignore[arg-type]
