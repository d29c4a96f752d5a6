"""Placeholders that are put on an encoder where the method needs a module and the encoder has none to wrap.

A slot has no parameters, so it adds nothing to a state dict, and without an adapter in it, it changes nothing.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from intent_adapters.adapter_config.sites import PARALLEL_SLOT, SiteKind
from intent_adapters.adapter_config.tensors import HEAD_SLOT
from intent_adapters.errors import ConfigError

Adapt = Callable[[nn.Module, Tensor, Tensor], Tensor]
"""Takes a site's module, hidden states and what is added to; returns the sum."""


class HeadSlot(nn.Module):
    """Where a head may be put."""


class ParallelSlot(nn.Module):
    """Where a bottleneck beside a sub-layer may be put; without one, `target` is left as it is.

    Args:
        handle: Of the hook that calls it.
    """

    def __init__(self, handle: RemovableHandle) -> None:
        super().__init__()
        self.handle = handle

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
    module.add_module(PARALLEL_SLOT, ParallelSlot(hook_parallel_site(module, kind, _through_slot)))
    # Compiled code does not watch hooks: what was compiled for another module of this class would run for this one and
    # leave the hook out.
    if "torch._dynamo" in sys.modules:
        torch.compiler.reset()


def remove_slots(model: nn.Module) -> None:
    """Take all slots off an encoder again, and the hooks that call them."""
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, ParallelSlot):
                child.handle.remove()
            if isinstance(child, HeadSlot | ParallelSlot):
                delattr(module, name)


def hook_parallel_site(module: nn.Module, kind: SiteKind, adapt: Adapt) -> RemovableHandle:
    """Have something added beside a sub-layer, whenever its module is called.

    Args:
        module: The site's module.
        kind: `"parallel"` or `"parallel_residual"`.
        adapt: Adds it. A function, if the module may be copied or pickled.

    Returns:
        What removes the hook.
    """
    # The names of the arguments, for callers that pass them by keyword. Functions of the module, and no closures or
    # bound methods, so that a deep copy of the encoder uses its own slots.
    names = list(inspect.signature(module.forward).parameters)
    if kind == "parallel_residual":
        return module.register_forward_pre_hook(partial(_adapt_residual, adapt, names[1]), with_kwargs=True)
    return module.register_forward_hook(partial(_adapt_output, adapt, names[0]), with_kwargs=True)


def _through_slot(module: nn.Module, hidden: Tensor, target: Tensor) -> Tensor:
    adapted: Tensor = getattr(module, PARALLEL_SLOT)(hidden, target)
    return adapted


def _adapt_residual(
    adapt: Adapt, name: str, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if name in kwargs:
        return args, {**kwargs, name: adapt(module, kwargs[name], kwargs[name])}
    hidden, residual, *rest = args
    return (hidden, adapt(module, residual, residual), *rest), kwargs


def _adapt_output(
    adapt: Adapt, name: str, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any
) -> Any:
    hidden = args[0] if args else kwargs.get(name)
    states = output[0] if isinstance(output, tuple) and output else output
    if not isinstance(hidden, Tensor) or not isinstance(states, Tensor) or hidden.shape != states.shape:
        raise ConfigError(
            f"an adapter beside a {type(module).__name__} needs hidden states as its first argument and hidden states "
            f"of the same shape as its output, or as the first of a tuple; it got {_described(hidden)} and returned "
            f"{_described(output)}. Give target_modules whole feed-forward modules"
        )
    adapted = adapt(module, hidden, states)
    return (adapted, *output[1:]) if isinstance(output, tuple) else adapted


def _described(value: Any) -> str:
    return f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
