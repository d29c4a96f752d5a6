"""Vectors of length 1."""

from __future__ import annotations

import numpy as np
import pytest

from intent_adapters.vectors import unit_vectors


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_lengths_are_one(dtype):
    found = unit_vectors(np.array([[3, 4], [0, 0], [0, -2]]), dtype)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, [[0.6, 0.8], [0, 0], [0, -1]], rtol=1e-6)
    np.testing.assert_allclose(unit_vectors(np.array([3, 4]), dtype), [0.6, 0.8], rtol=1e-6)
