"""The benchmark of the server, with a tiny base."""

from __future__ import annotations

from pathlib import Path

import pytest

from examples.serving_benchmark.run import CLIENTS, measure
from intent_adapters.runtime.onnx.export import export_base
from tests.support.adapters import random_adapter
from tests.support.tiny import tiny_base


@pytest.mark.parametrize("zipf", [False, True])
@pytest.mark.slow
def test_every_stage_has_figures(tmp_path: Path, zipf: bool):
    base = tiny_base(tmp_path)
    export_base(base, tmp_path / "onnx", precision="float32")
    for seed in range(5):
        random_adapter(base, seed=seed).write(tmp_path / "agents" / f"agent {seed}")
    found = dict(
        measure(
            str(tmp_path / "onnx"),
            tmp_path / "agents",
            seconds=0.2,
            zipf=zipf,
            max_adapter_bytes=40_000 if zipf else None,
            options=["--max-wait-ms", "20"],
        )
    )
    assert len(found) == len(CLIENTS) + 3
    assert all(figures["rows_per_second"] > 0 for figures in found.values())
