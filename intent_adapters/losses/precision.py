"""Losses are computed in float32 at least, whatever the encoder computes in."""

from __future__ import annotations

import torch
from torch import Tensor


def at_least_float32(values: Tensor) -> Tensor:
    """Half-precision values as float32, float64 as it is.

    A cosine in half precision has a step of 0.004 to 0.008, which a temperature of 0.02 or a gamma of 32 multiplies.
    """
    return values.to(torch.promote_types(values.dtype, torch.float32))
