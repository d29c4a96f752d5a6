"""What holds for all tests."""

from __future__ import annotations

import gc

# PyTorch and what is built on it are half a million objects, which are there to stay: to look through all of them time
# and again for what can go took a quarter of the time of some tests.
gc.disable()


def pytest_collection_finish() -> None:
    """Garbage is looked for among what the tests make, and not in what was imported for them."""
    gc.collect()
    gc.freeze()
    gc.enable()
