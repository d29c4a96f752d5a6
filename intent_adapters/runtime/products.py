"""Products of matrices beside the encoder's passes."""

from __future__ import annotations

import threading
from functools import cache

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

_one_at_a_time = threading.Lock()


def product(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float32]:
    """`left @ right` on one thread.

    Those of NumPy's OpenBLAS spin for a while after each product, on cores that the next pass of the encoder needs: on
    two of them a batch took twice as long. How many there are belongs to the whole process, so that calls take turns
    to set it.
    """
    with _one_at_a_time, _blas().limit(limits=1, user_api="blas"):
        found: NDArray[np.float32] = left @ right
    return found


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()  # looking for the libraries of a process takes milliseconds
