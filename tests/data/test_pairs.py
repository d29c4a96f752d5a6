"""Reading pairs from files and rows, and finding out which of them say the same."""

from __future__ import annotations

import gzip
import json
from collections import Counter

import pytest
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st

from intent_adapters.data.pairs import PairSource, meaning_groups, read_pairs
from intent_adapters.errors import ConfigError, DataError, DataWarning
from tests.support.shared import shared_path

ROWS = [
    {"anchor": "예약 취소", "positive": "취소해 주세요", "source": "a", "kind": "paraphrase"},
    {"anchor": "hello", "positive": "hi", "source": "b", "kind": "paraphrase"},
    {"anchor": "hi", "positive": "how are you", "source": "b", "kind": "next"},
]


def texts(dataset):
    assert dataset.column_names == ["anchor", "positive"]
    return list(zip(dataset["anchor"], dataset["positive"], strict=True))


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".csv"])
def test_files_lists_and_datasets_give_the_same(tmp_path, suffix):
    path = tmp_path / f"pairs{suffix}"
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)
    if suffix == ".csv":
        lines = "anchor,positive,source,kind\n" + "".join(",".join(row.values()) + "\n" for row in ROWS)
    path.write_bytes(gzip.compress(lines.encode()) if suffix.endswith(".gz") else lines.encode())
    expected = [(row["anchor"], row["positive"]) for row in ROWS]
    for source in (path, str(path), ROWS, Dataset.from_list(ROWS), PairSource(path)):
        assert texts(read_pairs(source)) == expected


def test_kinds_and_sources_can_be_chosen():
    assert texts(read_pairs(PairSource(ROWS, kinds=["next"]))) == [("hi", "how are you")]
    assert texts(read_pairs(PairSource(ROWS, leave_out=["b"]))) == [("예약 취소", "취소해 주세요")]
    assert texts(read_pairs(PairSource(ROWS, sources=["a"]))) == [("예약 취소", "취소해 주세요")]
    assert texts(read_pairs(PairSource(ROWS, kinds=["paraphrase"], sources=["b"]))) == [("hello", "hi")]


def test_repeated_turned_and_empty_pairs_are_left_out():
    rows = [("a", "b"), ("b", "a"), ("a", "b"), ("c", "c"), (" a ", "b "), ("a", "d")]
    said = r"came before \(3: rows\[1\], rows\[2\], rows\[4\]\); pairs of a text with itself \(1: rows\[3\]\)"
    with pytest.warns(DataWarning, match=said):
        assert texts(read_pairs([{"anchor": a, "positive": p} for a, p in rows])) == [("a", "b"), ("a", "d")]


def test_rows_without_a_kind_are_said():
    rows = [*ROWS, {"anchor": "x", "positive": "y", "kind": None}]
    with pytest.warns(DataWarning, match=r"rows without a kind \(1: rows\[3\]\)"):
        assert len(read_pairs(PairSource(rows, kinds=["next"]))) == 1


@pytest.mark.parametrize(
    "choice",
    [{"kinds": ["next", "nxt"]}, {"leave_out": ["a", "nxt"]}, {"sources": ["a", "nxt"]}, {"shares": {"nxt": 0.5}}],
)
def test_a_slip_in_a_choice_is_no_choice(choice):
    with pytest.raises(DataError, match=r"no row has the (kind|source) 'nxt'"):
        read_pairs(PairSource(ROWS, **choice))
    # What one source has not may be in another: commands choose the same of all.
    other = [{"anchor": "p", "positive": "q", "kind": "nxt", "source": "nxt"}]
    read_pairs([PairSource(rows, **choice) for rows in (ROWS, other)])


def test_shares_of_some_sources_leave_the_others_whole():
    rows = [{"anchor": f"{name} {n}", "positive": "x", "source": name} for n in range(10) for name in ("a", "b", "c")]
    drawn = texts(read_pairs(PairSource(rows, shares={"a": 0.2, "b": 0.5})))
    assert Counter(anchor[0] for anchor, _ in drawn) == {"a": 2, "b": 5, "c": 10}
    assert drawn == [pair for pair in texts(read_pairs(rows)) if pair in drawn]


def test_weights_draw_a_share_that_depends_on_the_seed():
    rows = [{"anchor": f"a{i}", "positive": f"b{i}"} for i in range(100)]
    other = [{"anchor": f"c{i}", "positive": f"d{i}"} for i in range(10)]
    drawn = [texts(read_pairs([PairSource(rows, weight=0.3), PairSource(other)], seed=seed)) for seed in (0, 0, 1)]
    assert [len(pairs) for pairs in drawn] == [40, 40, 40]
    assert drawn[0] == drawn[1] != drawn[2]
    assert drawn[0][30:] == [(row["anchor"], row["positive"]) for row in other]


def test_problems_are_named_with_their_place(tmp_path):
    path = tmp_path / "pairs.jsonl"
    path.write_text(
        '{"anchor": "a", "positive": "b"}\n{"anchor": "a", "positive": ""}\n{"anchor": 3, "positive": "b"}\n'
    )
    with pytest.raises(
        DataError, match=r"2 problems.*\n.*pairs.jsonl:2: '' is not a text.*\n.*pairs.jsonl:3: 3 is not a text"
    ):
        read_pairs(path)


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ([{"anchor": "a", "positive": "a"}], "no pair is left"),
        (Dataset.from_list([{"text": "a", "positive": "b"}]), "there is no column 'anchor'"),
        (PairSource(Dataset.from_list([{"anchor": "a", "positive": "b"}]), kinds=["qa"]), "no column 'kind'"),
        (PairSource(Dataset.from_list([{"anchor": "a", "positive": "b"}]), leave_out=["x"]), "no column 'source'"),
        (3, "cannot read pairs from int"),
        ("./missing.jsonl", "there is no such file"),
    ],
)
def test_what_cannot_be_read(sources, message):
    with pytest.raises(DataError, match=message):
        read_pairs(sources)


def test_settings_that_make_no_sense():
    for weight in (0.0, 1.5, -1.0):
        for settings in ({"weight": weight}, {"shares": {"a": weight}}):
            with pytest.raises(ConfigError, match="weight of a pair source"):
                PairSource(ROWS, **settings)
    with pytest.raises(ConfigError, match="kinds must be a list"):
        PairSource(ROWS, kinds="next")
    with pytest.raises(ConfigError, match="partly PairSource"):
        read_pairs([PairSource(ROWS), ROWS])


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=25))
def test_groups_are_connected_components(edges):
    groups = meaning_groups([str(a) for a, _ in edges], [str(b) for _, b in edges]).tolist()
    reached = {}
    for start in range(13):
        seen, front = {start}, [start]
        while front:
            at = front.pop()
            for a, b in edges:
                for one, other in ((a, b), (b, a)):
                    if one == at and other not in seen:
                        seen.add(other)
                        front.append(other)
        reached[start] = frozenset(seen)
    for (a, _), group in zip(edges, groups, strict=True):
        assert [group == other for other in groups] == [reached[a] == reached[c] for c, _ in edges]
    assert list(dict.fromkeys(groups)) == list(range(len(set(groups))))


def test_a_long_chain_is_one_group():
    count = 20_000
    groups = meaning_groups([str(i) for i in range(count)], [str(i + 1) for i in range(count)])
    assert not groups.any()


@pytest.mark.slow
def test_stylekqc_groups_of_ten_are_found():
    pairs = read_pairs(PairSource(shared_path("data/ko/pairs.jsonl.gz"), kinds=["paraphrase"]))
    assert len(pairs) > 140_000
    groups = meaning_groups(pairs["anchor"][:], pairs["positive"][:])
    assert 10_000 < len(set(groups.tolist())) < 20_000
