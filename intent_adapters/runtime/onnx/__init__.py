"""The base in ONNX Runtime: exported once, with the bottlenecks of any agents as inputs of the graph."""

from __future__ import annotations

from intent_adapters.runtime.onnx.base import OnnxBase, how_to_export, read_onnx_base
from intent_adapters.runtime.onnx.description import Precision
from intent_adapters.runtime.onnx.runtime import OnnxRuntime

__all__ = ["OnnxBase", "OnnxRuntime", "Precision", "how_to_export", "read_onnx_base"]
