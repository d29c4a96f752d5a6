"""The bottlenecks of adapters in memory, as they are multiplied: all numbers of one adapter in one tensor."""

from __future__ import annotations

import mmap
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from intent_adapters.adapter_config.sites import SiteKind, SiteShape
from intent_adapters.adapter_config.tensors import site_tensors
from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.errors import AdapterError


@dataclass(frozen=True, eq=False)
class Layout:
    """What adapters must have in common to run together. Compared by identity: see `ResidentFactory`.

    Attributes:
        sites: The shape of each site's bottleneck, by the name of the site's module.
        non_linearity: A key of `NON_LINEARITIES`.
        dtype: In which the numbers are held: float32 or float16.
    """

    sites: Mapping[str, SiteShape]
    non_linearity: str
    dtype: np.dtype[Any]

    @cached_property
    def kinds(self) -> Mapping[str, SiteKind]:
        """How each site's bottleneck is attached."""
        return {path: site.kind for path, site in self.sites.items()}

    @cached_property
    def numbers(self) -> list[int]:
        """How many numbers each site's bottleneck has."""
        return [2 * site.width * site.size + site.width + site.size for site in self.sites.values()]


class Bottlenecks:
    """The bottlenecks of one adapter.

    Args:
        layout: What they look like.
        values: Their numbers, site by site, as `numbers_of` makes them; where the base runs in PyTorch, as a tensor on
            its device.
    """

    __slots__ = ("__weakref__", "layout", "values")

    def __init__(self, layout: Layout, values: Any) -> None:
        self.layout = layout
        self.values = values


def numbers_of(adapter: Adapter, layout: Layout) -> NDArray[Any]:
    """Copy the bottlenecks of an adapter into memory of their own, as they are multiplied.

    Weights are laid out for `hidden @ down_weight`: transposed with respect to `nn.Linear`. The adapter's `scaling` is
    in its up weights and biases.

    Returns:
        Site by site: down weight (width, size), down bias (size,), up weight (size, width), up bias (width,).

    Raises:
        AdapterError: They hold values that are too large for the type of the layout.
    """
    values = _mapped_memory(sum(layout.numbers), layout.dtype)
    start = 0
    for path, site in layout.sites.items():
        down_weight, down_bias, up_weight, up_bias = (adapter.arrays[name] for name in site_tensors(path, site.kind))
        if adapter.config.scaling != 1:
            up_weight, up_bias = up_weight * adapter.config.scaling, up_bias * adapter.config.scaling
        first = start
        for source in (down_weight.T, down_bias, up_weight.T, up_bias):
            stop = start + source.size
            with np.errstate(over="ignore"):
                np.copyto(values[start:stop].reshape(source.shape), source, casting="same_kind")
            start = stop
        if layout.dtype != np.float32 and not np.isfinite(values[first:start]).all():
            raise AdapterError(f"The adapter's weights at {path!r} are too large for float16: hold it in float32.")
    return values


def _mapped_memory(count: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Memory that goes back to the system with the array, wherever it lies.

    With half of 1,000 adapters of 0.65 MB gone, malloc still holds 649 MB, and this way it is 327 MB.
    """
    options: dict[str, int] = {}
    if sys.platform != "win32":  # where nothing else is ever shared with a forked process
        options["flags"] = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_POPULATE", 0)
    return np.frombuffer(mmap.mmap(-1, count * dtype.itemsize, **options), dtype)
