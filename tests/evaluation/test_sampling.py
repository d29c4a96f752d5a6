from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from intent_adapters.evaluation.sampling import share_interval


@given(st.integers(1, 3000), st.data())
def test_the_interval_is_wilsons(rows: int, data: st.DataObject):
    right = data.draw(st.integers(0, rows))
    expected = binomtest(right, rows).proportion_ci(0.95, method="wilson")
    assert share_interval(right / rows, rows) == pytest.approx((expected.low, expected.high), abs=1e-6)
