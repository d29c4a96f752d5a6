"""Running an exported base: needs `onnxruntime`, and nothing of what exporting needs."""

from __future__ import annotations

from intent_adapters.runtime.onnx.run.base import OnnxBase, graphs_in, read_onnx_base
from intent_adapters.runtime.onnx.run.runtime import OnnxRuntime

__all__ = ["OnnxBase", "OnnxRuntime", "graphs_in", "read_onnx_base"]
