"""Exporting a base: needs `onnx` to write its graph, and `onnxruntime` to check it; of a folder, no PyTorch."""

from __future__ import annotations

from intent_adapters.runtime.onnx.export.base import Exported, export_base, export_folder

__all__ = ["Exported", "export_base", "export_folder"]
