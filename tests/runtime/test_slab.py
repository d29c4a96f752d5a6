from __future__ import annotations

import mmap
import threading

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from intent_adapters.artifacts.tensors import SiteShape
from intent_adapters.errors import AdapterError
from intent_adapters.runtime.slab import Signature, Slab
from tests.support.memory import linux, resident_memory

CPU = torch.device("cpu")


def signature(sites: int = 2, width: int = 32, size: int = 4, dtype: torch.dtype = torch.float32) -> Signature:
    return Signature(tuple((f"site {i}", SiteShape("after", width, size)) for i in range(sites)), "gelu", dtype)


def linear_tensors(width: int, size: int, seed: int) -> list[torch.Tensor]:
    """As two `nn.Linear` hold them."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator) for shape in ((size, width), (size,), (width, size), (width,))]


def fill(slab: Slab, slot: int, seed: int, scaling: float = 1.0) -> None:
    for index, (path, site) in enumerate(slab.signature.sites):
        assert slab.fill(slot, path, linear_tensors(site.width, site.size, seed + index), scaling)


def holds(slab: Slab, slot: int, seed: int) -> bool:
    found = slab.tensors(slot)
    for index, (path, site) in enumerate(slab.signature.sites):
        down, down_bias, up, up_bias = linear_tensors(site.width, site.size, seed + index)
        for tensor, expected in zip(found[path], (down.T, down_bias, up.T, up_bias), strict=True):
            if not torch.equal(tensor, expected.to(slab.signature.dtype)):
                return False
    return True


def test_stacks_have_one_row_per_slot_and_every_slot_is_contiguous():
    slab = Slab(signature(width=32, size=4), capacity=5, device=CPU)
    stacks = slab.sites["site 1"]
    assert [tuple(stack.shape) for stack in stacks] == [(5, 32, 4), (5, 4), (5, 4, 32), (5, 32)]
    assert all(stack.is_contiguous() for stack in stacks)
    assert stacks.down_weight.data_ptr() % mmap.PAGESIZE == 0
    slot = slab.allocate()
    slab.tensors(slot)["site 1"].down_weight.fill_(7)
    assert torch.equal(stacks.down_weight[slot], torch.full((32, 4), 7.0))


def test_scaling_is_folded_into_the_up_projection():
    slab = Slab(signature(sites=1), capacity=1, device=CPU)
    source = linear_tensors(32, 4, seed=0)
    slot = slab.allocate()
    assert slab.fill(slot, "site 0", source, scaling=-2.5)
    tensors = slab.tensors(slot)["site 0"]
    assert torch.equal(tensors.down_weight, source[0].T)
    assert torch.equal(tensors.up_weight, source[2].T * -2.5)
    assert torch.equal(tensors.up_bias, source[3] * -2.5)


@settings(max_examples=60, deadline=None)
@given(
    width=st.integers(1, 300),
    size=st.integers(1, 40),
    half=st.booleans(),
    steps=st.lists(st.one_of(st.just("allocate"), st.integers(0, 7)), max_size=40),
)
def test_no_allocation_touches_another_and_freed_slots_come_back(width, size, half, steps):
    slab = Slab(signature(2, width, size, torch.float16 if half else torch.float32), capacity=8, device=CPU)
    filled: dict[int, int] = {}
    for number, step in enumerate(steps):
        if step == "allocate":
            slot = slab.allocate()
            assert (slot is None) == (len(filled) == 8)
            if slot is not None:
                assert slot not in filled
                fill(slab, slot, number)
                filled[slot] = number
        elif step in filled:
            slab.free(step)
            del filled[step]
        assert all(holds(slab, slot, seed) for slot, seed in filled.items())


def test_low_slots_come_first_so_that_filled_ones_lie_together():
    slab = Slab(signature(), capacity=8, device=CPU)
    assert [slab.allocate() for _ in range(6)] == [0, 1, 2, 3, 4, 5]
    for slot in (4, 1, 3, 5):
        slab.free(slot)
    assert slab.allocate() == 5, "the one that was freed last has its memory still"
    assert [slab.allocate() for _ in range(5)] == [1, 3, 4, 6, 7]
    assert slab.allocate() is None


def test_threads_never_get_the_same_slot():
    slab = Slab(signature(width=50, size=3), capacity=64, device=CPU)
    failures = []

    def work(seed: int) -> None:
        for number in range(200):
            slot = slab.allocate()
            fill(slab, slot, seed + number)
            if not holds(slab, slot, seed + number):
                failures.append((seed, number))
            slab.free(slot)

    threads = [threading.Thread(target=work, args=(1000 * index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sorted(slab.allocate() for _ in range(64)) == list(range(64))


@linux
@pytest.mark.parametrize("size", [16, 5], ids=["whole pages", "pages that slots share"])
def test_memory_grows_with_filled_slots_and_falls_when_they_are_freed(size):
    shape = signature(sites=12, width=384, size=size)
    slab = Slab(shape, capacity=100_000, device=CPU)
    before = resident_memory()
    slots = [slab.allocate() for _ in range(100)]
    for slot in slots:
        fill(slab, slot, slot)
    full = resident_memory() - before
    assert full == pytest.approx(100 * shape.slot_bytes, rel=0.15)
    for slot in slots[10:]:
        slab.free(slot)
    # What is left: ten slots, and the one that was freed last.
    assert resident_memory() - before == pytest.approx(11 * shape.slot_bytes, abs=0.05 * full)
    assert all(holds(slab, slot, slot) for slot in slots[:10])


def test_capacity_is_less_than_asked_where_there_is_no_such_address_space():
    slab = Slab(signature(width=384, size=16), capacity=2**50, device=CPU)
    assert 1 <= slab.capacity < 2**50
    fill(slab, slab.allocate(), seed=0)


def test_one_slot_that_the_system_cannot_give_is_our_error():
    with pytest.raises(AdapterError, match="address space"):
        Slab(signature(width=2**40, size=2**20), capacity=1, device=CPU)
