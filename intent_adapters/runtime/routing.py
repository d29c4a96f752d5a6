"""Send each row of a batch through its own agent's bottlenecks: one encoder pass for any mix of agents.

The rows of a batch arrive in blocks (see `batching`), so that at each site one agent is a few in-place operations on
a contiguous slice, and any number of agents are as few on stacked weights. Which blocks, is kept per thread of
execution (a context variable): calls do not see each other's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from intent_adapters.adapter_config.sites import SiteKind
from intent_adapters.bottleneck import NON_LINEARITIES
from intent_adapters.bottleneck.slots import hook_parallel_site
from intent_adapters.runtime.batching import Block
from intent_adapters.runtime.bottlenecks import Bottlenecks, Layout

# Of how many adapters views are kept.
MAX_VIEWS = 32


class SiteTensors(NamedTuple):
    """A site's tensors, of one adapter or of several (with one more dimension in front).

    As `numbers_of` lays them out.
    """

    down_weight: Tensor  # (width, size)
    down_bias: Tensor  # (size,)
    up_weight: Tensor  # (size, width)
    up_bias: Tensor  # (width,)


_views: WeakKeyDictionary[Bottlenecks, Mapping[str, SiteTensors]] = WeakKeyDictionary()


class Router:
    """Hooks on an encoder's sites that apply the bottlenecks of the current blocks.

    Args:
        encoder: A private (structural) copy of the base's transformers model; hooks stay on it.
    """

    def __init__(self, encoder: nn.Module) -> None:
        self._encoder = encoder
        self._hooked: set[tuple[str, SiteKind]] = set()
        self._blocks: ContextVar[Sequence[_BlockAdapters]] = ContextVar("blocks", default=())

    def prepare(self, layout: Layout) -> None:
        """Hook the sites of a layout that no earlier one had. Not safe from several threads.

        Args:
            layout: Its sites exist in the encoder.
        """
        for path, kind in layout.kinds.items():
            if (path, kind) not in self._hooked:
                self._hook(path, kind)
                self._hooked.add((path, kind))

    @contextmanager
    def route(self, blocks: Sequence[Block]) -> Iterator[None]:
        """Apply these adapters to these rows in every forward pass of the block, in this thread.

        Args:
            blocks: Disjoint ranges of rows and their adapters; rows in no block stay with the bare base.
        """
        token = self._blocks.set([_BlockAdapters(block) for block in blocks])
        try:
            yield
        finally:
            self._blocks.reset(token)

    def _hook(self, path: str, kind: SiteKind) -> None:
        module = self._encoder.get_submodule(path)
        if kind == "after":
            module.register_forward_hook(lambda _, args, output: self._add(path, kind, output, output))
            return

        def adapt(_: nn.Module, hidden: Tensor, target: Tensor) -> Tensor:
            # What is added to may be the residual, which is still needed as it is elsewhere in the layer.
            if target is hidden and self._blocks.get():
                target = target.clone()
            return self._add(path, kind, hidden, target)

        hook_parallel_site(module, kind, adapt)

    def _add(self, path: str, kind: SiteKind, source: Tensor, target: Tensor) -> Tensor:
        for work in self._blocks.get():
            if work.layout.kinds.get(path) == kind:
                target = target.contiguous()
                work.add(path, source, target)
        return target


class _BlockAdapters:
    """What a block asks to be done at every site."""

    def __init__(self, block: Block) -> None:
        self.layout = block.adapters[0].layout
        self._start, self._stop = block.start, block.stop
        self._agents = len(block.adapters)
        self._activate = NON_LINEARITIES[self.layout.non_linearity]
        if self._agents == 1:
            self._tensors = _views_of(block.adapters[0])
        else:
            by_adapter = [adapter.values.split(self.layout.numbers) for adapter in block.adapters]
            self._values = {path: values for path, *values in zip(self.layout.kinds, *by_adapter, strict=True)}

    def add(self, path: str, source: Tensor, target: Tensor) -> None:
        """Add what the bottlenecks make of `source` to `target`, in place; (rows, tokens, width) both."""
        dtype = target.dtype
        if self._stop - self._start < target.shape[0]:
            source, target = source[self._start : self._stop], target[self._start : self._stop]
        if self._agents == 1:
            tensors = self._tensors[path]
            if tensors.up_bias.dtype is not dtype:
                tensors = SiteTensors(*(tensor.to(dtype) for tensor in tensors))
            down_weight, down_bias, up_weight, up_bias = tensors
            inner = self._activate(torch.addmm(down_bias, source.flatten(0, 1), down_weight))
            target.flatten(0, 1).addmm_(inner, up_weight).add_(up_bias)
        else:
            values = torch.stack(self._values[path]).to(dtype)
            down_weight, down_bias, up_weight, up_bias = site_tensors_of(self.layout, path, values)
            rows = source.reshape(self._agents, -1, source.shape[-1])
            inner = self._activate(torch.baddbmm(down_bias[:, None], rows, down_weight))
            into = target.view(self._agents, -1, target.shape[-1])
            into.baddbmm_(inner, up_weight).add_(up_bias[:, None])


def site_tensors_of(layout: Layout, path: str, values: Tensor) -> SiteTensors:
    """Views of the tensors of a site.

    Args:
        layout: Of the adapters.
        path: The site.
        values: The site's numbers, of one adapter (numbers,) or of several (adapters, numbers).
    """
    site = layout.sites[path]
    product = site.width * site.size
    down_weight, down_bias, up_weight, up_bias = values.split((product, site.size, product, site.width), dim=-1)
    return SiteTensors(
        down_weight.unflatten(-1, (site.width, site.size)),
        down_bias,
        up_weight.unflatten(-1, (site.size, site.width)),
        up_bias,
    )


def _views_of(adapter: Bottlenecks) -> Mapping[str, SiteTensors]:
    """The tensors of an adapter by site, kept for the adapters that were asked last.

    Made anew for every utterance, its answer took 1.05 times as long; those of all adapters would take a twentieth of
    the adapters' memory.
    """
    views = _views.get(adapter)
    if views is None:
        if len(_views) >= MAX_VIEWS:
            _views.clear()
        layout = adapter.layout
        views = _views[adapter] = {
            path: site_tensors_of(layout, path, values)
            for path, values in zip(layout.kinds, adapter.values.split(layout.numbers), strict=True)
        }
    return views
