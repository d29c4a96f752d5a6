"""Where the bottlenecks of resident adapters lie: stacked by site, in memory that is real only where it is filled.

A slab holds adapters of one signature (the same sites, sizes and non-linearity). For every tensor of every site it
has one stack, (slots, ...), so that a whole batch of agents can be gathered with one index and one agent's tensors are
plain views. Address space for all slots is reserved at once; the operating system lends a page when it is first
written, and gets it back when the last slot on it is freed. Nothing ever moves, so views stay valid.
"""

from __future__ import annotations

import heapq
import math
import mmap
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from intent_adapters.artifacts.tensors import SiteShape
from intent_adapters.errors import AdapterError

DTYPES = {"float32": torch.float32, "float16": torch.float16}
# Of how many slots views are kept.
VIEWS = 32
# Reserving is no promise of memory: the kernel need not set any aside (MAP_NORESERVE, missing from older `mmap`).
_NO_RESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000 if sys.platform == "linux" else 0)
# Linux's way to have pages lent all at once instead of one by one as they are written (MADV_POPULATE_WRITE).
_POPULATE = 23 if sys.platform == "linux" else None
_DONT_NEED: int | None = getattr(mmap, "MADV_DONTNEED", None)


@dataclass(frozen=True)
class Signature:
    """What the adapters of one slab have in common.

    Attributes:
        sites: The name of each site's module, and its shape.
        non_linearity: A key of `NON_LINEARITIES`.
        dtype: In which the tensors are held: `torch.float32` or `torch.float16`.
    """

    sites: tuple[tuple[str, SiteShape], ...]
    non_linearity: str
    dtype: torch.dtype

    @property
    def slot_bytes(self) -> int:
        """The bytes of one adapter's bottlenecks."""
        numbers = sum(2 * shape.width * shape.size + shape.width + shape.size for _, shape in self.sites)
        return numbers * self.dtype.itemsize


class SiteTensors(NamedTuple):
    """A site's tensors: of one adapter, or of all slots of a slab (with one more dimension in front).

    The weights are stored as they are multiplied, `hidden @ down_weight`: transposed with respect to `nn.Linear`. The
    adapter's `scaling` is already in `up_weight` and `up_bias`.
    """

    down_weight: Tensor  # (width, size)
    down_bias: Tensor  # (size,)
    up_weight: Tensor  # (size, width)
    up_bias: Tensor  # (width,)


class Slab:
    """Slots for adapters of one signature. Safe to use from several threads.

    Args:
        signature: What the adapters have in common; it has sites.
        capacity: How many slots to reserve address space for; fewer if the system refuses so much.
        device: Where the tensors are. On any but the CPU the memory for all slots is taken at once.

    Attributes:
        sites: For each site, by the name of its module, the stacks of its tensors: (capacity, ...) each.
        kinds: How each site's bottleneck is attached.
        capacity: How many slots there are.
    """

    def __init__(self, signature: Signature, capacity: int, device: torch.device) -> None:
        self.signature = signature
        self._lock = threading.Lock()
        self._memory: mmap.mmap | None = None
        if device.type == "cpu":
            capacity, self._memory = _reserve(signature, capacity)
        self.capacity = capacity
        self._stacks = list(_stacks(signature, capacity))
        tensors = iter([self._tensor(stack, device) for stack in self._stacks])
        self.sites = {
            path: SiteTensors(next(tensors), next(tensors), next(tensors), next(tensors))
            for path, _ in signature.sites
        }
        self.kinds = {path: site.kind for path, site in signature.sites}
        # NumPy indexes and transposes small arrays in a fraction of the time that PyTorch takes.
        self._arrays = (
            {path: [stack.numpy() for stack in stacks] for path, stacks in self.sites.items()} if self._memory else {}
        )
        # How many filled slots lie on a page that slots share; at none, the page goes back.
        self._users: Counter[int] = Counter()
        self._freed: list[int] = []
        # The slot that was freed last keeps its pages: they need not be lent again where one adapter replaces another.
        self._warm: int | None = None
        self._fresh = iter(range(capacity))
        # Making a view takes longer than using it for one utterance, but holding all would take a tenth of the slabs.
        self._views = lru_cache(maxsize=VIEWS)(self._view)

    def allocate(self) -> int | None:
        """Take a free slot, the lowest there is or the one that was freed last, its content undefined.

        Returns:
            Its number; `None` if every slot is taken.
        """
        with self._lock:
            warm, self._warm = self._warm, None
            if warm is not None:
                return warm
            slot = heapq.heappop(self._freed) if self._freed else next(self._fresh, None)
            if slot is not None:
                for stack in self._stacks:
                    self._users.update(stack.shared_pages(slot))
                    self._advise(_POPULATE, *stack.whole_pages(slot))
            return slot

    def free(self, slot: int) -> None:
        """Give a slot back, and to the system every page on which no other slot lies.

        Args:
            slot: What `allocate` gave; nothing may read it any more.
        """
        with self._lock:
            cold, self._warm = self._warm, slot
            if cold is None:
                return
            for stack in self._stacks:
                self._advise(_DONT_NEED, *stack.whole_pages(cold))
                for page in stack.shared_pages(cold):
                    self._users[page] -= 1
                    if not self._users[page]:
                        del self._users[page]
                        self._advise(_DONT_NEED, page, page + 1)
            heapq.heappush(self._freed, cold)

    def fill(self, slot: int, path: str, source: Sequence[Tensor], scaling: float) -> bool:
        """Copy a bottleneck into a slot.

        Args:
            slot: What `allocate` gave.
            path: The site.
            source: Down weight (size, width), down bias, up weight (width, size), up bias, as `nn.Linear` has them, in
                float32 on the CPU.
            scaling: Factor on what the bottleneck adds.

        Returns:
            Whether the type of the slab can hold all values; float32, in which they come, always can.
        """
        down_weight, down_bias, up_weight, up_bias = source
        if scaling != 1:
            up_weight, up_bias = up_weight * scaling, up_bias * scaling
        values = (down_weight.T, down_bias, up_weight.T, up_bias)
        whole = self.signature.dtype is torch.float32
        if whole and self._arrays:
            for target, part in zip(self._arrays[path], values, strict=True):
                np.copyto(target[slot], part.numpy())
            return True
        for stack, part in zip(self.sites[path], values, strict=True):
            stack[slot].copy_(part)
        return whole or all(bool(stack[slot].isfinite().all()) for stack in self.sites[path])

    def tensors(self, slot: int) -> Mapping[str, SiteTensors]:
        """The tensors of one slot by site: views, not copies."""
        return self._views(slot)

    def _view(self, slot: int) -> Mapping[str, SiteTensors]:
        return {path: SiteTensors(*(stack[slot] for stack in stacks)) for path, stacks in self.sites.items()}

    def _tensor(self, stack: _Stack, device: torch.device) -> Tensor:
        dtype = self.signature.dtype
        if self._memory is None:
            return torch.empty(stack.shape, dtype=dtype, device=device)
        return torch.frombuffer(self._memory, dtype=dtype, offset=stack.start, count=math.prod(stack.shape)).view(
            stack.shape
        )

    def _advise(self, advice: int | None, first: int, stop: int) -> None:
        """Tell the system about some pages, where it can be told."""
        if self._memory is not None and advice is not None and first < stop:
            with suppress(OSError):
                self._memory.madvise(advice, first * mmap.PAGESIZE, (stop - first) * mmap.PAGESIZE)


class _Stack(NamedTuple):
    """Where one tensor of all slots lies."""

    start: int  # byte, at the beginning of a page
    stride: int  # bytes from one slot to the next
    shape: tuple[int, ...]  # (slots, ...)

    def whole_pages(self, slot: int) -> tuple[int, int]:
        """The first and the end of the pages that a slot has to itself; none if the end is not after the first."""
        begin = self.start + slot * self.stride
        return -(-begin // mmap.PAGESIZE), (begin + self.stride) // mmap.PAGESIZE

    def shared_pages(self, slot: int) -> list[int]:
        """The pages at the ends of a slot that it may share with its neighbours: none, one or two."""
        begin = self.start + slot * self.stride
        end = begin + self.stride
        ends = {begin // mmap.PAGESIZE} if begin % mmap.PAGESIZE else set()
        if end % mmap.PAGESIZE:
            ends.add(end // mmap.PAGESIZE)
        return list(ends)


def _stacks(signature: Signature, capacity: int) -> Iterator[_Stack]:
    start = 0
    for _, site in signature.sites:
        for shape in ((site.width, site.size), (site.size,), (site.size, site.width), (site.width,)):
            stack = _Stack(start, math.prod(shape) * signature.dtype.itemsize, (capacity, *shape))
            yield stack
            start = _whole_pages(start + capacity * stack.stride)


def _reserve(signature: Signature, capacity: int) -> tuple[int, mmap.mmap]:
    """Address space for as many slots as were asked for, or for half as often as it takes."""
    while True:
        last = list(_stacks(signature, capacity))[-1]
        size = _whole_pages(last.start + capacity * last.stride)
        try:
            if not hasattr(mmap, "MAP_PRIVATE"):  # Windows
                return capacity, mmap.mmap(-1, size)  # type: ignore[unreachable, unused-ignore]
            memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _NO_RESERVE)
        except (OSError, OverflowError) as error:
            if capacity == 1:
                raise AdapterError(
                    f"The system has no {size} bytes of address space for adapters: {error}."
                ) from error
            capacity //= 2
        else:
            if hasattr(mmap, "MADV_NOHUGEPAGE"):  # a huge page would be filled for a slot of a few kilobytes
                memory.madvise(mmap.MADV_NOHUGEPAGE)
            return capacity, memory


def _whole_pages(size: int) -> int:
    return -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
