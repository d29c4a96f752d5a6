"""Reproducible training that leaves the caller's random numbers as they were."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn import init
from torch.overrides import TorchFunctionMode

from intent_adapters.inputs import check_range
from intent_adapters.surroundings import own_settings

FACTORIES = frozenset({torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn})
# All that the initialisation of `nn.Linear` and of our layers draws with.
DRAWS = frozenset(
    {torch.rand, torch.randn, Tensor.uniform_, Tensor.normal_, init.uniform_, init.normal_, init.kaiming_uniform_}
)
# Random states and accelerate's settings belong to the whole process. Reentrant: an evaluator may train an agent.
_turn = threading.RLock()


def check_seed(seed: int) -> None:
    """Raises ConfigError unless the seed is a whole number from 0 to 2^32 - 1, as far as numpy goes."""
    check_range("seed", seed, 0, 2**32 - 1)


class OwnDraws(TorchFunctionMode):
    """Inside the block, this thread's new modules and dropout draw from a generator of their own, in float32.

    The global random state is neither read nor moved, and neither another thread that draws from it nor a default
    dtype has an influence.

    Args:
        seed: Of the generator.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.generator = torch.Generator().manual_seed(seed)

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Calls the function, with the generator or float32 where the caller names none."""
        settings = dict(kwargs or {})
        if func is F.dropout:
            return self._dropout(*args, **settings)
        if func in DRAWS and settings.get("generator") is None:
            settings["generator"] = self.generator
        if func in FACTORIES and settings.get("dtype") is None and not _makes_integers(func, args, settings):
            settings["dtype"] = torch.float32
        return func(*args, **settings)

    def _dropout(self, values: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
        if not training or not p:
            return values
        kept = torch.rand(values.shape, generator=self.generator, dtype=torch.float32) >= p
        return values * kept.to(values.device) / (1 - p)


def _makes_integers(func: Callable[..., Any], args: Sequence[Any], settings: Mapping[str, Any]) -> bool:
    """Whether it is `torch.full`, whose default dtype depends on what it fills with, with a whole number."""
    return func is torch.full and isinstance((*args[1:2], settings.get("fill_value"))[0], int)


@contextmanager
def own_process(seed: int) -> Iterator[None]:
    """For trainers that use what the whole process shares: one at a time, seeded, everything put back behind it.

    Inside the block Python, numpy and torch are seeded, float32 is the default dtype, and what the caller set for this
    thread plays no part. A thread that begins such a block meanwhile waits for its turn; one that draws random numbers
    meanwhile draws from the same states.

    Args:
        seed: From 0 to 2^32 - 1.

    Raises:
        ConfigError: The seed is out of range.
    """
    check_seed(seed)
    with _turn:
        python_state = random.getstate()
        numpy_state = np.random.get_state()  # noqa: NPY002 - the trainer seeds the global state, so that is what to keep
        dtype = torch.get_default_dtype()
        with (
            own_settings(gradients=True),
            torch.random.fork_rng(devices=range(torch.cuda.device_count())),
        ):
            try:
                random.seed(seed)
                np.random.seed(seed)  # noqa: NPY002
                torch.manual_seed(seed)
                torch.set_default_dtype(torch.float32)
                yield
            finally:
                torch.set_default_dtype(dtype)
                random.setstate(python_state)
                np.random.set_state(numpy_state)  # noqa: NPY002
