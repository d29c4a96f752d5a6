"""What a model needs so that a process that is forked can go on using it."""

from __future__ import annotations

import functools
import os

import torch


@functools.cache
def survive_forks() -> None:
    """Let processes that this one forks compute on one thread.

    A forked process has no threads but the one that forked it, and libgomp, which PyTorch computes with on Linux,
    waits for ever for those it had before. Checking a large base starts them already. PyTorch does the same in the
    processes of its data loaders.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=functools.partial(torch.set_num_threads, 1))
