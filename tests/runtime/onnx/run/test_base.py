from __future__ import annotations

import os

import pytest

from intent_adapters.runtime.onnx.run.base import default_threads


@pytest.mark.parametrize("said, threads", [("3", 3), ("2,4", 2), ("", None), ("0", None), ("many", None)])
def test_openmp_s_variable_says_how_many_threads(monkeypatch: pytest.MonkeyPatch, said: str, threads: int | None):
    monkeypatch.setenv("OMP_NUM_THREADS", said)
    if threads is None:
        assert 1 <= default_threads() <= (os.cpu_count() or 1)
    else:
        assert default_threads() == threads
