"""What sentence-transformers does with the encoder's hidden states, as ONNX operators."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from intent_adapters.artifacts.base_modules import Module
from intent_adapters.errors import BaseError
from intent_adapters.runtime.onnx.export.graph import FLOAT, Graph

POOLING_MODES = ("mean", "cls")
TO_ITSELF = "sentence_embedding"


def pool(graph: Graph, modules: Sequence[Module], hidden: str, mask: str) -> str:
    """Write the modules behind the Transformer.

    Args:
        graph: Gets the nodes.
        modules: Those of the base, without the Transformer.
        hidden: Hidden states, (rows, tokens, width).
        mask: 1 for tokens, 0 for padding: (rows, tokens).

    Returns:
        Sentence embeddings, (rows, dimensions).

    Raises:
        BaseError: There is a module that cannot be exported.
    """
    if not modules or modules[0].pooling_mode not in POOLING_MODES:
        raise BaseError(
            f"Only bases with a pooling of {' or '.join(POOLING_MODES)} can be exported to ONNX; this one has "
            f"{modules[0].pooling_mode or modules[0].kind if modules else 'none'}."
        )
    states = _cls(graph, hidden) if modules[0].pooling_mode == "cls" else _mean(graph, hidden, mask)
    for index, module in enumerate(modules[1:], start=1):
        if module.kind == "Normalize":
            states = graph.op("LpNormalization", states, axis=-1, p=2)
        elif module.kind == "Dense":
            states = _dense(graph, states, module, f"module {index}")
        else:
            raise BaseError(f"The module {module.kind} of the base cannot be exported to ONNX.")
    return states


def dimension(modules: Sequence[Module], width: int) -> int:
    """The size of the embeddings that modules make of hidden states of a size."""
    sizes = [len(module.weights["linear.weight"]) for module in modules if module.kind == "Dense"]
    return sizes[-1] if sizes else width


def _cls(graph: Graph, hidden: str) -> str:
    return graph.op("Gather", hidden, graph.constant("zero", np.array(0, np.int64)), axis=1)


def _mean(graph: Graph, hidden: str, mask: str) -> str:
    weights = graph.op("Cast", mask, to=FLOAT)
    middle = graph.integers(1)
    total = graph.op("Squeeze", graph.op("MatMul", graph.op("Unsqueeze", weights, middle), hidden), middle)
    return graph.op("Div", total, graph.op("ReduceSum", weights, middle, keepdims=1))


def _dense(graph: Graph, states: str, module: Module, name: str) -> str:
    ends = {module.config.get(f"module_{end}_name") or TO_ITSELF for end in ("input", "output")}
    if module.config.get("use_residual") or ends != {TO_ITSELF}:
        raise BaseError("A Dense with a residual, or of other values than the embedding, cannot be exported to ONNX.")
    states = graph.op("MatMul", states, graph.constant(f"{name} weight", module.weights["linear.weight"].T))
    if "linear.bias" in module.weights.names:
        states = graph.op("Add", states, graph.constant(f"{name} bias", module.weights["linear.bias"]))
    activation = str(module.config.get("activation_function", "Tanh")).rpartition(".")[2]
    if activation == "Tanh":
        return graph.op("Tanh", states)
    if activation != "Identity":
        raise BaseError(f"{activation} after a Dense cannot be exported to ONNX.")
    return states
