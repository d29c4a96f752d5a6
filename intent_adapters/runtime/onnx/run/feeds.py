"""The bottlenecks of some rows as inputs of the graph: from where they are, or gathered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from intent_adapters.runtime.bottlenecks import Bottlenecks, Layout
from intent_adapters.runtime.onnx.run.session import Feed
from intent_adapters.runtime.onnx.run.sites import GraphSite

# Of how many adapters the feeds are kept: for the same ones a session has no inputs to bind.
MAX_CACHED = 32

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
        self._plans: dict[Layout, tuple[list[_Part], list[Feed]]] = {}
        self._cache: WeakKeyDictionary[Bottlenecks, list[Feed]] = WeakKeyDictionary()

    def bare(self) -> list[Feed]:
        """For rows of the bare base."""
        return self._bare

    def of(self, adapters: Sequence[Bottlenecks]) -> tuple[list[Feed], Floats | None]:
        """For rows with bottlenecks.

        Args:
            adapters: One per row, or one for all rows; none for the bare base.

        Returns:
            The feeds, and what must be kept until the run is over.
        """
        if not adapters:
            return self._bare, None
        layout = adapters[0].layout
        if layout not in self._plans:
            self._plans[layout] = self._plan(layout)
        parts, rest = self._plans[layout]
        arrays = [adapter.values for adapter in adapters]
        if len(arrays) > 1 or arrays[0].dtype != np.float32:
            return _gathered(parts, arrays, rest)
        feeds = self._cache.get(adapters[0])
        if feeds is None:
            if len(self._cache) >= MAX_CACHED:
                self._cache.clear()
            address = arrays[0].ctypes.data
            feeds = [Feed(part.name, (1, *part.shape), address + 4 * part.start) for part in parts] + rest
            self._cache[adapters[0]] = feeds
        return feeds, None

    def _plan(self, layout: Layout) -> tuple[list[_Part], list[Feed]]:
        """Where the inputs are among the numbers of an adapter, and feeds for the sites that it has not."""
        found = {site.path: site for site in self._sites}
        parts: list[_Part] = []
        start = 0
        for path, shape in layout.sites.items():
            width, size = shape.width, shape.size
            for name, sizes in zip(
                found[path].inputs, ((width, size), (1, size), (size, width), (1, width)), strict=True
            ):
                stop = start + sizes[0] * sizes[1]
                parts.append(_Part(name, sizes, start, stop))
                start = stop
        return parts, [feed for site in self._sites if site.path not in layout.sites for feed in self._nothing(site)]

    def _nothing(self, site: GraphSite) -> list[Feed]:
        shapes = ((1, site.width, 1), (1, 1, 1), (1, 1, site.width), (1, 1, site.width))
        return [Feed(name, shape, self._zeros.ctypes.data) for name, shape in zip(site.inputs, shapes, strict=True)]


class _Part(NamedTuple):
    """One input of the graph: its name, its shape for one adapter, and where it lies among the adapter's numbers."""

    name: str
    shape: tuple[int, int]
    start: int
    stop: int


def _gathered(parts: list[_Part], arrays: list[NDArray[np.floating]], rest: list[Feed]) -> tuple[list[Feed], Floats]:
    """The feeds of an adapter per row, and the memory to which they were copied.

    NumPy copies, not PyTorch, which would have threads of its own help each of ours.
    """
    memory = np.empty(len(arrays) * parts[-1].stop, np.float32)
    address = memory.ctypes.data
    feeds = []
    for name, shape, start, stop in parts:
        place = memory[len(arrays) * start : len(arrays) * stop]
        np.concatenate([array[start:stop] for array in arrays], out=place)
        feeds.append(Feed(name, (len(arrays), *shape), address + 4 * len(arrays) * start))
    return feeds + rest, memory
