"""The non-linearities of encoders and bottlenecks as ONNX operators."""

from __future__ import annotations

from typing import get_args

from intent_adapters.choices import NonLinearity
from intent_adapters.errors import BaseError
from intent_adapters.runtime.onnx.export.graph import Graph

# transformers' names of what `NonLinearity` calls otherwise.
SYNONYMS = {"gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh", "swish": "silu"}
GELUS = {"gelu", "gelu_tanh"}


def activation_name(name: str) -> str:
    """Our name of an encoder's activation function.

    Raises:
        BaseError: It is not one of those that can be exported.
    """
    known = SYNONYMS.get(name, name)
    if known not in get_args(NonLinearity):
        raise BaseError(f"The activation function {name!r} of the base cannot be exported to ONNX.")
    return known


def activate(graph: Graph, name: str, states: str) -> str:
    """Apply a non-linearity.

    Args:
        graph: Gets the nodes.
        name: A `NonLinearity`.
        states: To what.
    """
    match name:
        case "gelu":
            return graph.op("Gelu", states)
        case "gelu_tanh":
            return graph.op("Gelu", states, approximate="tanh")
        case "silu":
            return graph.op("Mul", states, graph.op("Sigmoid", states))
        case "leaky_relu":
            return graph.op("LeakyRelu", states, alpha=0.01)
        case "relu" | "tanh" | "sigmoid":
            return graph.op(name.capitalize(), states)
        case _:
            raise ValueError(f"no ONNX operator for {name!r}")
