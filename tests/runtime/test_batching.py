from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from intent_adapters.runtime.batching import batches, blocks


@dataclass(eq=False)
class FakeBottlenecks:
    layout: object


@dataclass(eq=False)
class FakeResident:
    bottlenecks: FakeBottlenecks | None


LAYOUTS = ["one layout", "another layout"]
RESIDENTS = [
    None,
    *(FakeResident(FakeBottlenecks(LAYOUTS[index % 2])) for index in range(6)),
    FakeResident(None),
    FakeResident(None),
]


@given(
    rows=st.lists(st.tuples(st.integers(1, 64), st.sampled_from(RESIDENTS)), min_size=1, max_size=60),
    batch_size=st.integers(1, 70),
)
def test_every_row_is_in_one_batch_and_every_bottleneck_in_one_block(rows, batch_size):
    lengths = [length for length, _ in rows]
    residents = [resident for _, resident in rows]
    found = list(batches(lengths, residents, batch_size))
    assert sorted(row for batch in found for row in batch) == list(range(len(rows)))
    assert all(len(batch) == batch_size for batch in found[:-1])
    assert 1 <= len(found[-1]) <= batch_size
    for before, after in pairwise(found):
        assert max(lengths[row] for row in before) <= min(lengths[row] for row in after)
    for batch in found:
        ordered = [residents[row] for row in batch]
        covered = {}
        for block in blocks(ordered):
            each = (block.stop - block.start) // len(block.adapters)
            assert each * len(block.adapters) == block.stop - block.start
            assert len({adapter.layout for adapter in block.adapters}) == 1
            for row in range(block.start, block.stop):
                assert row not in covered
                covered[row] = block.adapters[(row - block.start) // each]
        wanted = {
            row: resident.bottlenecks
            for row, resident in enumerate(ordered)
            if resident is not None and resident.bottlenecks is not None
        }
        assert covered == wanted


def test_agents_with_equally_many_rows_share_a_block():
    first, second, third = (FakeResident(FakeBottlenecks(LAYOUTS[0])) for _ in range(3))
    residents = [first, second, third, third, second, first, third]
    [batch] = batches([1] * 7, residents, 64)
    assert [(block.start, block.stop, set(block.adapters)) for block in blocks([residents[row] for row in batch])] == [
        (0, 4, {first.bottlenecks, second.bottlenecks}),
        (4, 7, {third.bottlenecks}),
    ]
