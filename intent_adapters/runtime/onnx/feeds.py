"""The bottlenecks of some rows as inputs of the graph: straight from a slab, or gathered from it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from intent_adapters.runtime.onnx.session import Feed
from intent_adapters.runtime.onnx.sites import GraphSite
from intent_adapters.runtime.slab import VIEWS, Slab


class Feeds:
    """Makes the feeds of a graph.

    Args:
        sites: Of the graph; where an adapter has no bottleneck, a small one that adds nothing is fed.
    """

    def __init__(self, sites: Sequence[GraphSite]) -> None:
        self._sites = sites
        widest = max((site.width for site in sites), default=0)
        self._zeros = torch.zeros(widest)
        self._bare = [feed for site in sites for feed in self._nothing(site)]
        self._plans: WeakKeyDictionary[Slab, _Plan] = WeakKeyDictionary()

    def bare(self) -> list[Feed]:
        """For rows of the bare base."""
        return self._bare

    def of(self, slab: Slab, slots: Sequence[int]) -> tuple[list[Feed], Tensor | None]:
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
        index = torch.tensor(slots)
        gathered = torch.empty(len(slots) * plan.numbers)
        feeds, start = [], 0
        for name, shape, stack, _ in plan.parts:
            length = len(slots) * math.prod(shape)
            place = gathered[start : start + length].view(len(slots), *stack.shape[1:])
            if stack.dtype is torch.float32:
                torch.index_select(stack, 0, index, out=place)
            else:
                place.copy_(stack.index_select(0, index))
            feeds.append(Feed(name, (len(slots), *shape), place.data_ptr()))
            start += length
        return feeds + plan.rest, gathered

    def _plan(self, slab: Slab) -> _Plan:
        parts: list[tuple[str, tuple[int, ...], Tensor, int]] = []
        rest: list[Feed] = []
        for site in self._sites:
            if site.path not in slab.sites:
                rest += self._nothing(site)
                continue
            for name, stack in zip(site.inputs, slab.sites[site.path], strict=True):
                shape = tuple(stack.shape[1:])
                step = stack.stride(0) * stack.element_size()
                parts.append((name, shape if len(shape) == 2 else (1, *shape), stack, step))
        return _Plan(parts, rest)

    def _nothing(self, site: GraphSite) -> list[Feed]:
        shapes = ((1, site.width, 1), (1, 1, 1), (1, 1, site.width), (1, 1, site.width))
        return [Feed(name, shape, self._zeros.data_ptr()) for name, shape in zip(site.inputs, shapes, strict=True)]


class _Plan:
    """Where the inputs of one adapter are found in a slab, and feeds for the sites that it has not.

    Attributes:
        parts: Name, shape less the agents, stack, and bytes from one slot of it to the next.
        rest: Feeds that add nothing.
        numbers: How many numbers one adapter has.
    """

    def __init__(self, parts: list[tuple[str, tuple[int, ...], Tensor, int]], rest: list[Feed]) -> None:
        self.parts = parts
        self.rest = rest
        self.numbers = sum(math.prod(shape) for _, shape, _, _ in parts)
        # The same list for the same slot: a session that gets it a second time in a row has no inputs to bind.
        self.of_slot = lru_cache(maxsize=VIEWS)(self._of_slot)

    def _of_slot(self, slot: int) -> list[Feed]:
        """The feeds of an adapter, straight from its slot."""
        own = [Feed(name, (1, *shape), stack.data_ptr() + slot * step) for name, shape, stack, step in self.parts]
        return own + self.rest
