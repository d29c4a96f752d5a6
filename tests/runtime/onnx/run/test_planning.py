from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from intent_adapters.runtime.bottlenecks import Bottlenecks
from intent_adapters.runtime.onnx.run.planning import RUN_TOKENS, runs


class Resident:
    """As much of a resident adapter as planning looks at."""

    def __init__(self, layout: Any = None) -> None:
        self.bottlenecks = None if layout is None else Bottlenecks(layout, torch.empty(0))


ONE, TWO = object(), object()
RESIDENTS: list[Any] = [None, Resident(), *(Resident(layout) for layout in (ONE, ONE, ONE, TWO, TWO))]
ROWS = st.lists(st.tuples(st.integers(1, 600), st.sampled_from(RESIDENTS)), min_size=1, max_size=80)


@given(ROWS, st.integers(1, 64), st.integers(1, 4))
def test_every_row_runs_once_with_its_own_bottlenecks(rows: list[tuple[int, Any]], batch_size: int, threads: int):
    lengths, residents = [length for length, _ in rows], [resident for _, resident in rows]
    seen: list[int] = []
    for run in runs(lengths, residents, batch_size, threads):
        seen += run.rows
        assert 1 <= len(run.rows) <= batch_size
        if len(run.rows) > 1:
            assert len(run.rows) * max(lengths[row] for row in run.rows) <= RUN_TOKENS
        adapters = run.adapters * len(run.rows) if len(run.adapters) == 1 else run.adapters
        for index, row in enumerate(run.rows):
            resident = residents[row]
            if resident is None or resident.bottlenecks is None:
                assert run.adapters == []
            else:
                assert adapters[index] is resident.bottlenecks
                assert run.adapters[0].layout is resident.bottlenecks.layout
    assert sorted(seen) == list(range(len(rows)))


def test_an_agent_with_many_rows_has_runs_of_its_own():
    residents = [RESIDENTS[2]] * 16 + [RESIDENTS[3]] * 2 + [RESIDENTS[4]] * 2
    found = runs([16] * 20, residents, 64)
    assert sorted((len(run.rows), len(run.adapters)) for run in found) == [(4, 4), (16, 1)]


@pytest.mark.parametrize(
    ("rows", "threads", "runs_of"), [(4, 2, [4]), (8, 2, [4, 4]), (40, 2, [10] * 4), (64, 4, [16] * 4)]
)
def test_threads_get_equal_shares_of_what_is_worth_sharing(rows: int, threads: int, runs_of: list[int]):
    found = runs([16] * rows, [RESIDENTS[2]] * rows, 64, threads)
    assert [len(run.rows) for run in found] == runs_of
