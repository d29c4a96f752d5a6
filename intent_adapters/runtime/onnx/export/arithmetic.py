"""How the frozen weights of the base are held and multiplied: float32, or int8.

ONNX Runtime's own dynamic quantisation has one scale for all activations of a batch, so that what a text is told
depends on the texts beside it, and one outlier costs all of them precision. Here answers do not depend on neighbours:
what a LayerNorm or attention gives, which lies where it lies whatever the text, has a scale that was found when the
base was exported; what a GELU gives, with an outlier now and then, has one per token. Embeddings also stay closer to
float32: mean cosine 0.998 where ONNX Runtime's way gave 0.993 (all-MiniLM-L6-v2 on questions of BANKING77).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from intent_adapters.artifacts.base_weights import Array
from intent_adapters.runtime.onnx.export.graph import FLOAT, RUNTIME_DOMAIN, Graph

# The least value that a GELU takes, to two digits: -0.17. Its greatest, where that is smaller, says nothing.
GELU_DEPTH = 0.17
STEPS = 127
# A column of nothing but zeros is taken to go so far.
LEAST_MAXIMUM = 1e-3
# How much farther than on the few texts of an export a column may go before it is cut off.
MARGIN = 1.2
ZERO = 128


class Float32:
    """Weights as they are.

    Attributes:
        rounds: Whether activations are rounded, so that it matters where they lie.
    """

    rounds = False

    def rows(self, graph: Graph, name: str, table: Array, indices: str) -> str:
        """Rows of a table (rows, width): `indices` of any shape give that shape and (width,)."""
        return graph.op("Gather", graph.constant(name, table), indices)

    def affine(
        self,
        graph: Graph,
        name: str,
        states: str,
        weight: Array,
        bias: Array | None = None,
        *,
        max_abs: Array | float | None = None,
        gelu: bool = False,
    ) -> str:
        """`states @ weight.T + bias`: states (..., in), weight (out, in), bias (out,).

        `max_abs` says how far the states go from zero, column by column or all of them; `gelu`, that they are what a
        GELU gives.
        """
        product = graph.op("MatMul", states, graph.constant(name, weight.T))
        return _plus(graph, name, product, bias)


class Int8(Float32):
    """Weights in 8 bits with a scale per row (per output), activations with a scale per token or a fixed one."""

    rounds = True

    def rows(self, graph: Graph, name: str, table: Array, indices: str) -> str:
        """Rows of a table."""
        quantized, scales = _quantized(table)
        numbers = graph.op("Cast", graph.op("Gather", graph.constant(name, quantized), indices), to=FLOAT)
        return graph.op("Mul", numbers, graph.op("Gather", graph.constant(f"{name} scale", scales[:, None]), indices))

    def affine(
        self,
        graph: Graph,
        name: str,
        states: str,
        weight: Array,
        bias: Array | None = None,
        *,
        max_abs: Array | float | None = None,
        gelu: bool = False,
    ) -> str:
        """`states @ weight.T + bias`."""
        if isinstance(max_abs, float):
            return _product(graph, name, states, weight, MARGIN * max_abs / STEPS, bias)
        if max_abs is not None:
            return _smooth_product(graph, name, states, weight, max_abs, bias)
        each = graph.integers(-1)
        if gelu:
            largest = graph.op("Max", graph.op("ReduceMax", states, each, keepdims=1), graph.number(GELU_DEPTH))
        else:
            largest = graph.op("ReduceMax", graph.op("Abs", states), each, keepdims=1)
        product = _product(graph, name, graph.op("Div", states, largest), weight, 1 / STEPS)
        product = graph.op("Mul", product, largest)
        return _plus(graph, name, product, bias)


def _plus(graph: Graph, name: str, product: str, bias: Array | None) -> str:
    return product if bias is None else graph.op("Add", product, graph.constant(f"{name} bias", bias))


def _smooth_product(graph: Graph, name: str, states: str, weight: Array, max_abs: Array, bias: Array | None) -> str:
    """The same with columns of like size.

    Columns of the states that go far are made small, and those of the weight large, before both are rounded
    (SmoothQuant, Xiao et al., 2023, with alpha 0.5).
    """
    weight_maximum = np.abs(weight).max(axis=0)
    factors = np.sqrt(np.maximum(max_abs, LEAST_MAXIMUM) / np.maximum(weight_maximum, LEAST_MAXIMUM))
    smooth = graph.op("Mul", states, graph.constant(f"{name} factors", 1 / factors))
    return _product(graph, name, smooth, weight * factors, MARGIN * float((max_abs / factors).max()) / STEPS, bias)


def _product(graph: Graph, name: str, states: str, weight: Array, step: float, bias: Array | None = None) -> str:
    """`states @ weight.T + bias` with both rounded to 8 bits, the states to multiples of `step`."""
    quantized, scales = _quantized(weight)
    size, zero = graph.number(step), graph.constant("zero point", np.array(ZERO, np.uint8))
    return graph.op(
        "MatMulIntegerToFloat",
        graph.op("QuantizeLinear", states, size, zero),
        graph.constant(name, quantized.T),
        size,
        graph.constant(f"{name} scale", scales),
        zero,
        *([] if bias is None else ["", graph.constant(f"{name} bias", bias)]),
        domain=RUNTIME_DOMAIN,
    )


def _quantized(weight: Array) -> tuple[NDArray[np.int8], Array]:
    """Symmetric int8 with a scale per row."""
    scales = np.abs(weight).max(axis=1) / STEPS
    scales[scales == 0] = 1
    return np.rint(weight / scales[:, None]).astype(np.int8), scales.astype(np.float32)
