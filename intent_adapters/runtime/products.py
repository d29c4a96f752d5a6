"""Products of matrices beside the encoder's passes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from threadpoolctl import ThreadpoolController

_one_at_a_time = threading.Lock()


@contextmanager
def one_thread() -> Iterator[None]:
    """Products of matrices on one thread.

    Those of NumPy's OpenBLAS spin for a while after each product, on cores that the next pass of the encoder needs: on
    two of them a batch took twice as long. How many there are belongs to the whole process, so that calls take turns
    to set it.
    """
    with _one_at_a_time:
        before = [library.get_num_threads() for library in _blas()]
        for library in _blas():
            library.set_num_threads(1)
        try:
            yield
        finally:
            for library, threads in zip(_blas(), before, strict=True):
                library.set_num_threads(threads)


@cache
def _blas() -> list[Any]:
    # Looking for the libraries of a process takes milliseconds, and the controller's own limits a tenth of one.
    return ThreadpoolController().select(user_api="blas").lib_controllers
