"""The bottlenecks of some rows as inputs of the graph: straight from a slab, or gathered from it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray

from intent_adapters.runtime.onnx.session import Feed
from intent_adapters.runtime.onnx.sites import GraphSite
from intent_adapters.runtime.slab import VIEWS, Slab

Floats = NDArray[np.float32]


class Feeds:
    """Makes the feeds of a graph.

    Args:
        sites: Of the graph; where an adapter has no bottleneck, a small one that adds nothing is fed.
    """

    def __init__(self, sites: Sequence[GraphSite]) -> None:
        self._sites = sites
        widest = max((site.width for site in sites), default=0)
        self._zeros: Floats = np.zeros(widest, np.float32)
        self._bare = [feed for site in sites for feed in self._nothing(site)]
        self._plans: WeakKeyDictionary[Slab, _Plan] = WeakKeyDictionary()

    def bare(self) -> list[Feed]:
        """For rows of the bare base."""
        return self._bare

    def of(self, slab: Slab, slots: Sequence[int]) -> tuple[list[Feed], Floats | None]:
        """For rows with bottlenecks.

        Args:
            slab: Where they are.
            slots: One per row, or one for all rows.

        Returns:
            The feeds, and what must be kept until the run is over.
        """
        plan = self._plans.get(slab)
        if plan is None:
            plan = self._plans.setdefault(slab, self._plan(slab))
        if len(slots) == 1 and slab.signature.dtype is torch.float32:
            return plan.of_slot(slots[0]), None
        return plan.gathered(slots)

    def _plan(self, slab: Slab) -> _Plan:
        parts: list[_Part] = []
        rest: list[Feed] = []
        for site in self._sites:
            if site.path not in slab.sites:
                rest += self._nothing(site)
                continue
            for name, stack in zip(site.inputs, slab.sites[site.path], strict=True):
                shape = tuple(stack.shape[1:])
                parts.append(_Part(name, shape if len(shape) == 2 else (1, *shape), stack.numpy()))
        return _Plan(parts, rest)

    def _nothing(self, site: GraphSite) -> list[Feed]:
        shapes = ((1, site.width, 1), (1, 1, 1), (1, 1, site.width), (1, 1, site.width))
        return [Feed(name, shape, self._zeros.ctypes.data) for name, shape in zip(site.inputs, shapes, strict=True)]


class _Part(NamedTuple):
    """One input of the graph: its name, its shape less the agents, and the values of all slots."""

    name: str
    shape: tuple[int, ...]
    stack: NDArray[np.floating]


class _Plan:
    """Where the inputs of one adapter are found in a slab, and feeds for the sites that it has not."""

    def __init__(self, parts: list[_Part], rest: list[Feed]) -> None:
        self._parts = parts
        self._places = [(part.stack.ctypes.data, part.stack.strides[0]) for part in parts]
        self._rest = rest
        self._numbers = sum(math.prod(part.shape) for part in parts)
        # The same list for the same slot: a session that gets it a second time in a row has no inputs to bind.
        self.of_slot = lru_cache(maxsize=VIEWS)(self._of_slot)

    def _of_slot(self, slot: int) -> list[Feed]:
        """The feeds of an adapter, straight from its slot."""
        own = [
            Feed(part.name, (1, *part.shape), start + slot * step)
            for part, (start, step) in zip(self._parts, self._places, strict=True)
        ]
        return own + self._rest

    def gathered(self, slots: Sequence[int]) -> tuple[list[Feed], Floats]:
        """The feeds of an adapter per row, and the memory to which they were copied.

        NumPy copies, not PyTorch, which would have threads of its own help each of ours.
        """
        memory = np.empty(len(slots) * self._numbers, np.float32)
        feeds, start, address = [], 0, memory.ctypes.data
        for name, shape, stack in self._parts:
            stop = start + len(slots) * math.prod(shape)
            place = memory[start:stop].reshape(len(slots), *stack.shape[1:])
            if stack.dtype == np.float32:
                stack.take(slots, axis=0, out=place, mode="clip")  # any other mode would copy to `place` afterwards
            else:
                place[:] = stack.take(slots, axis=0)
            feeds.append(Feed(name, (len(slots), *shape), address + start * memory.itemsize))
            start = stop
        return feeds + self._rest, memory
