"""Reproducible training that leaves the caller's random numbers as they were."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from intent_adapters.errors import ConfigError


@contextmanager
def own_randomness(seed: int) -> Iterator[None]:
    """Seeds Python, numpy and torch inside the block, and puts their states back behind it.

    Args:
        seed: From 0 to 2^32 - 1, as far as numpy goes.

    Raises:
        ConfigError: The seed is out of range.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise ConfigError(f"seed must be a whole number from 0 to {2**32 - 1}, but it is {seed!r}")
    python_state = random.getstate()
    numpy_state = np.random.get_state()  # noqa: NPY002 - the trainer seeds the global state, so that is what to keep
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        try:
            random.seed(seed)
            np.random.seed(seed)  # noqa: NPY002
            torch.manual_seed(seed)
            yield
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)  # noqa: NPY002
