from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from intent_adapters import IntentModel
from intent_adapters.choices import Precision
from intent_adapters.runtime.onnx.export import export_base

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


@dataclass(frozen=True)
class Exports:
    """A tiny base, and where it was exported to in both precisions."""

    base: SentenceTransformer
    float32: Path
    int8: Path

    def torch(self) -> IntentModel:
        return IntentModel(self.base)

    def onnx(self, precision: Precision = "float32", *, threads: int = 1, **settings: object) -> IntentModel:
        folder = getattr(self, precision)
        return IntentModel.from_pretrained(folder, backend="onnx", precision=precision, threads=threads, **settings)


@pytest.fixture(scope="session")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Exports:
    from tests.support.tiny import tiny_base  # some tests here run where PyTorch is not installed

    folder = tmp_path_factory.mktemp("onnx")
    base = tiny_base(folder)
    export_base(base, folder / "float32", precision="float32")
    export_base(base, folder / "int8", precision="int8")
    return Exports(base, folder / "float32", folder / "int8")
