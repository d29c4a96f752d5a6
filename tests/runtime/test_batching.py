from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from intent_adapters.runtime.batching import batches, blocks


@dataclass(eq=False)
class FakeResident:
    slab: object | None
    slot: int


SLABS = ["one slab", "another slab"]
RESIDENTS = [None, *(FakeResident(SLABS[i % 2], i) for i in range(6)), FakeResident(None, 0), FakeResident(None, 0)]


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
            each = (block.stop - block.start) // len(block.slots)
            assert each * len(block.slots) == block.stop - block.start
            for row in range(block.start, block.stop):
                assert row not in covered
                covered[row] = (block.slab, block.slots[(row - block.start) // each])
        wanted = {
            row: (resident.slab, resident.slot)
            for row, resident in enumerate(ordered)
            if resident is not None and resident.slab is not None
        }
        assert covered == wanted


def test_agents_with_equally_many_rows_share_a_block():
    first, second, third = (FakeResident("slab", slot) for slot in range(3))
    residents = [first, second, third, third, second, first, third]
    [batch] = batches([1] * 7, residents, 64)
    assert [(block.start, block.stop, set(block.slots)) for block in blocks([residents[row] for row in batch])] == [
        (0, 4, {0, 1}),
        (4, 7, {2}),
    ]
