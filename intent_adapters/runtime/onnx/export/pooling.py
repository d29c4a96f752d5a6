"""What sentence-transformers does with the encoder's hidden states, as ONNX operators."""

from __future__ import annotations

import numpy as np
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling
from torch import nn

from intent_adapters.errors import BaseError
from intent_adapters.runtime.onnx.export.graph import FLOAT, Graph

POOLING_MODES = ("mean", "cls")


def pool(graph: Graph, model: SentenceTransformer, hidden: str, mask: str) -> str:
    """Write the modules behind the Transformer.

    Args:
        graph: Gets the nodes.
        model: The base.
        hidden: Hidden states, (rows, tokens, width).
        mask: 1 for tokens, 0 for padding: (rows, tokens).

    Returns:
        Sentence embeddings, (rows, dimensions).

    Raises:
        BaseError: There is a module that cannot be exported.
    """
    modules = list(model)[1:]
    if not modules or not isinstance(modules[0], Pooling) or modules[0].pooling_mode not in POOLING_MODES:
        raise BaseError(
            f"Only bases with a pooling of {' or '.join(POOLING_MODES)} can be exported to ONNX; this one has "
            f"{getattr(modules[0], 'pooling_mode', type(modules[0]).__name__) if modules else 'none'}."
        )
    states = _cls(graph, hidden) if modules[0].pooling_mode == "cls" else _mean(graph, hidden, mask)
    for index, module in enumerate(modules[1:], start=1):
        if isinstance(module, Normalize):
            states = graph.op("LpNormalization", states, axis=-1, p=2)
        elif isinstance(module, Dense):
            states = _dense(graph, states, module, f"module {index}")
        else:
            raise BaseError(f"The module {type(module).__name__} of the base cannot be exported to ONNX.")
    return states


def _cls(graph: Graph, hidden: str) -> str:
    return graph.op("Gather", hidden, graph.constant("zero", np.array(0, np.int64)), axis=1)


def _mean(graph: Graph, hidden: str, mask: str) -> str:
    weights = graph.op("Cast", mask, to=FLOAT)
    middle = graph.integers(1)
    total = graph.op("Squeeze", graph.op("MatMul", graph.op("Unsqueeze", weights, middle), hidden), middle)
    return graph.op("Div", total, graph.op("ReduceSum", weights, middle, keepdims=1))


def _dense(graph: Graph, states: str, module: Dense, name: str) -> str:
    weight = module.linear.weight.detach().float().numpy()
    states = graph.op("MatMul", states, graph.constant(f"{name} weight", weight.T))
    if module.linear.bias is not None:
        bias = module.linear.bias.detach().float().numpy()
        states = graph.op("Add", states, graph.constant(f"{name} bias", bias))
    if isinstance(module.activation_function, nn.Tanh):
        return graph.op("Tanh", states)
    if not isinstance(module.activation_function, nn.Identity):
        raise BaseError(f"{type(module.activation_function).__name__} after a Dense cannot be exported to ONNX.")
    return states
