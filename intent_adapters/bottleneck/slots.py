"""Placeholders that are put on an encoder where the method needs a module and the encoder has none to wrap.

A slot has no parameters, so it adds nothing to a state dict, and without an adapter in it, it changes nothing.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from intent_adapters.bottleneck.sites import PARALLEL_SLOT, SiteKind

HEAD_SLOT = "intent_head"
"""The submodule of the encoder's root that holds the heads."""


class HeadSlot(nn.Module):
    """Where a head may be put."""


class ParallelSlot(nn.Module):
    """Where a bottleneck beside a sub-layer may be put; without one, `target` is left as it is."""

    def forward(self, hidden: Tensor, target: Tensor) -> Tensor:
        """Return `target`."""
        return target


def add_head_slot(model: nn.Module) -> None:
    """Put a `HeadSlot` on the root of the encoder, unless one, or a head, is already there."""
    if not hasattr(model, HEAD_SLOT):
        model.add_module(HEAD_SLOT, HeadSlot())


def add_parallel_slot(module: nn.Module, kind: SiteKind) -> None:
    """Put a `ParallelSlot` on the module of a parallel site, and route the module's calls through it."""
    if hasattr(module, PARALLEL_SLOT):
        return
    module.add_module(PARALLEL_SLOT, ParallelSlot())
    # Functions of the module, not closures or bound methods: so a deep copy of the encoder uses its own slots.
    if kind == "parallel_residual":
        module.register_forward_pre_hook(_adapt_residual)
    else:
        module.register_forward_hook(_adapt_output)


def _adapt_residual(module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
    hidden, residual, *rest = args
    return (hidden, getattr(module, PARALLEL_SLOT)(residual, residual), *rest)


def _adapt_output(module: nn.Module, args: tuple[Any, ...], output: Tensor) -> Tensor:
    return getattr(module, PARALLEL_SLOT)(args[0], output)
