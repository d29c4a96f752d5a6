"""How the frozen weights of the base are held and multiplied: float32, or int8 with a scale per row.

ONNX Runtime's own dynamic quantisation has one scale for all activations of a batch, so that what a text is told
depends on the texts beside it, and one outlier costs all of them precision. Here every token has a scale of its own:
answers do not depend on their neighbours, and are twice as close to float32 in the cosine of the embeddings.
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
ZERO = 128


class Arithmetic(Protocol):
    """How weights are held and multiplied.

    Attributes:
        centred: Whether activations had better be centred on zero before they are multiplied.
    """

    centred: bool

    def rows(self, graph: Graph, name: str, table: Array, indices: str) -> str:
        """Rows of a table (rows, width): `indices` of any shape give that shape and (width,)."""
        ...

    def product(self, graph: Graph, name: str, states: str, weight: Array, gelu: bool = False) -> str:
        """`states @ weight.T`: states (tokens, in), weight (out, in).

        `gelu` says that the states are the values of a GELU.
        """
        ...


class Float32:
    """Weights as they are."""

    centred = False

    def rows(self, graph: Graph, name: str, table: Array, indices: str) -> str:
        """Rows of a table."""
        return graph.op("Gather", graph.constant(name, table), indices)

    def product(self, graph: Graph, name: str, states: str, weight: Array, gelu: bool = False) -> str:
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

    def product(self, graph: Graph, name: str, states: str, weight: Array, gelu: bool = False) -> str:
        """`states @ weight.T`."""
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
