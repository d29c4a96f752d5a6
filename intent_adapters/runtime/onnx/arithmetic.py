"""How the frozen weights of the base are held and multiplied: float32, or int8 with a scale per row.

ONNX Runtime's own dynamic quantisation has one scale for all activations of a batch, so that what a text is told
depends on the texts beside it, and one outlier costs all of them precision. Here every token has a scale of its own:
answers do not depend on their neighbours, and embeddings stay closer to float32 (mean cosine 0.998 where that gave
0.993, all-MiniLM-L6-v2 on 300 questions).
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from intent_adapters.runtime.onnx.graph import FLOAT, RUNTIME_DOMAIN, Graph

Array = NDArray[np.float32]

# The least value that a GELU takes, to two digits: -0.17. Its greatest, where that is smaller, says nothing.
GELU_DEPTH = 0.17
STEPS = 127
# A column of nothing but zeros is taken to reach so far.
LEAST_REACH = 1e-3
ZERO = 128


class Arithmetic(Protocol):
    """How weights are held and multiplied.

    Attributes:
        centred: Whether activations had better be centred on zero, and their columns of like size, before they are
            multiplied.
    """

    centred: bool

    def rows(self, graph: Graph, name: str, table: Array, indices: str) -> str:
        """Rows of a table (rows, width): `indices` of any shape give that shape and (width,)."""
        ...

    def product(
        self, graph: Graph, name: str, states: str, weight: Array, gelu: bool = False, reach: Array | None = None
    ) -> str:
        """`states @ weight.T`: states (tokens, in), weight (out, in).

        `gelu` says that the states are the values of a GELU, `reach` how far each of their columns goes from zero.
        """
        ...


class Float32:
    """Weights as they are."""

    centred = False

    def rows(self, graph: Graph, name: str, table: Array, indices: str) -> str:
        """Rows of a table."""
        return graph.op("Gather", graph.constant(name, table), indices)

    def product(
        self, graph: Graph, name: str, states: str, weight: Array, gelu: bool = False, reach: Array | None = None
    ) -> str:
        """`states @ weight.T`."""
        return graph.op("MatMul", states, graph.constant(name, weight.T))


class Int8:
    """Weights in 8 bits with a scale per row (per output); activations in 8 bits with a scale per token."""

    centred = True

    def rows(self, graph: Graph, name: str, table: Array, indices: str) -> str:
        """Rows of a table."""
        quantized, scales = _quantized(table)
        numbers = graph.op("Cast", graph.op("Gather", graph.constant(name, quantized), indices), to=FLOAT)
        return graph.op("Mul", numbers, graph.op("Gather", graph.constant(f"{name} scale", scales[:, None]), indices))

    def product(
        self, graph: Graph, name: str, states: str, weight: Array, gelu: bool = False, reach: Array | None = None
    ) -> str:
        """`states @ weight.T`.

        Columns of the states that reach far are made small, and those of the weight large, before both are rounded
        (SmoothQuant, Xiao et al., 2023, with alpha 0.5).
        """
        if reach is not None:
            weight_reach = np.abs(weight).max(axis=0)
            factors = np.sqrt(np.maximum(reach, LEAST_REACH) / np.maximum(weight_reach, LEAST_REACH))
            states = graph.op("Mul", states, graph.constant(f"{name} factors", 1 / factors))
            weight = weight * factors
        quantized, scales = _quantized(weight)
        each = graph.integers(-1)
        if gelu:
            largest = graph.op("Max", graph.op("ReduceMax", states, each, keepdims=1), graph.number(GELU_DEPTH))
        else:
            largest = graph.op("ReduceMax", graph.op("Abs", states), each, keepdims=1)
        step, zero = graph.number(1 / STEPS), graph.constant("zero point", np.array(ZERO, np.uint8))
        product = graph.op(
            "MatMulIntegerToFloat",
            graph.op("QuantizeLinear", graph.op("Div", states, largest), step, zero),
            graph.constant(name, quantized.T),
            step,
            graph.constant(f"{name} scale", scales),
            zero,
            domain=RUNTIME_DOMAIN,
        )
        return graph.op("Mul", product, largest)


def _quantized(weight: Array) -> tuple[NDArray[np.int8], Array]:
    """Symmetric int8 with a scale per row."""
    scales = np.abs(weight).max(axis=1) / STEPS
    scales[scales == 0] = 1
    return np.rint(weight / scales[:, None]).astype(np.int8), scales.astype(np.float32)
