"""Keeps what a caller has set in PyTorch for its own purposes out of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch


@contextmanager
def own_settings(*, gradients: bool) -> Iterator[None]:
    """Compute as if the caller had set nothing: neither gradients, nor inference mode, autocast or a default device.

    All of these belong to the calling thread, so that no other thread sees the difference. The default dtype belongs
    to the whole process: our code names the dtype of what it makes instead.

    Args:
        gradients: Whether operations are recorded for a backward pass.
    """
    with ExitStack() as stack:
        if torch.is_inference_mode_enabled() == gradients:
            stack.enter_context(torch.inference_mode(not gradients))
        if torch.is_grad_enabled() != gradients:
            stack.enter_context(torch.set_grad_enabled(gradients))
        for kind in ("cpu", *_accelerator()):  # heads are on the CPU
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
                stack.enter_context(_outermost_autocast())
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        yield


@contextmanager
def _outermost_autocast() -> Iterator[None]:
    """Let autocasts of the block be outermost ones: only these forget, at their end, what they cast weights to.

    Otherwise a training that casts would compute with the weights of its first step until the caller's own ends.
    """
    depth = torch.autocast_increment_nesting() - 1
    for _ in range(depth + 1):
        torch.autocast_decrement_nesting()
    try:
        yield
    finally:
        torch.clear_autocast_cache()
        for _ in range(depth):
            torch.autocast_increment_nesting()


def _accelerator() -> list[str]:
    device = torch.accelerator.current_accelerator()
    return [] if device is None else [device.type]
