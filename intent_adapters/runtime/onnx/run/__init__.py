"""Running an exported base: needs `onnxruntime`, and nothing of what exporting needs."""

from __future__ import annotations

from intent_adapters.runtime.onnx.run.base import OnnxBase, graph_origins, read_onnx_base
from intent_adapters.runtime.onnx.run.runtime import OnnxRuntime

__all__ = ["OnnxBase", "OnnxRuntime", "graph_origins", "read_onnx_base"]
