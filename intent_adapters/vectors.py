"""Vectors of length 1, whose products are cosines."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


def unit_vectors(vectors: NDArray[Any], dtype: DTypeLike = np.float64) -> NDArray[Any]:
    """Vectors of length 1; those of length 0 stay.

    Args:
        vectors: (..., dimensions).
        dtype: In which precision.
    """
    vectors = np.asarray(vectors, dtype=dtype)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
