"""Exporting a base: needs `onnx` to write its graph, and `onnxruntime` to check it."""

from __future__ import annotations

from intent_adapters.runtime.onnx.export.base import Exported, export_base

__all__ = ["Exported", "export_base"]
