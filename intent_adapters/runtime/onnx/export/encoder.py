"""A BERT-like encoder with bottlenecks at its sites, as an ONNX graph.

It is written operator by operator, not traced from PyTorch: PyTorch 2.13's exporters give a graph of transformers 5
that ONNX Runtime's optimiser finds no attention in, one of them with wrong answers for padded rows, and the operators
that ONNX Runtime fuses by itself (SkipLayerNormalization, BiasGelu) are slower on a CPU than the parts they are made
of.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from intent_adapters.runtime.onnx.export.activation_ranges import Ranges
from intent_adapters.runtime.onnx.export.activations import GELUS, activate, activation_name
from intent_adapters.runtime.onnx.export.arithmetic import Array, Float32
from intent_adapters.runtime.onnx.export.graph import INT64, RUNTIME_DOMAIN, Graph, Size
from intent_adapters.runtime.onnx.export.layout import layout_of
from intent_adapters.runtime.onnx.run.description import IDS, MASK
from intent_adapters.runtime.onnx.run.sites import GraphSite, SiteInputs

# The name of a size: 1, or the number of rows.
AGENTS = "agents"


class States:
    """Hidden states: a value of the graph (rows, tokens, width), a constant to be added to it, and its largest sizes.

    A LayerNorm's bias is added anyway; leaving a constant out of it centres the states on zero for free. Whoever reads
    the states adds the constant, or what becomes of it, to a bias of its own.
    """

    def __init__(self, value: str, offset: Array, max_abs: Array | None = None) -> None:
        self.value = value
        self.offset = offset
        self.max_abs = max_abs


class EncoderGraph:
    """Writes an encoder into a graph.

    Args:
        graph: Gets the nodes.
        encoder: The base's transformers model.
        arithmetic: How weights are held and multiplied.
        sites: Where there are bottlenecks.
        non_linearity: Of the bottlenecks.
        ranges: Where activations lie, if it matters.
    """

    def __init__(
        self,
        graph: Graph,
        encoder: PreTrainedModel,
        arithmetic: Float32,
        sites: Sequence[GraphSite],
        non_linearity: str,
        ranges: Ranges | None,
    ) -> None:
        self._graph = graph
        self._encoder = encoder
        self._arithmetic = arithmetic
        self._sites = {site.path: site for site in sites}
        self._non_linearity = non_linearity
        self._ranges = ranges or Ranges({}, {})
        self._names, self._graph_names = layout_of(encoder)
        config: Any = encoder.config
        self._width: int = config.hidden_size
        self._heads: int = config.num_attention_heads
        self._activation = activation_name(getattr(config, "hidden_act", None) or config.activation)

    def write(self) -> str:
        """Write the encoder.

        Returns:
            The last hidden states, (rows, tokens, width).
        """
        graph, names = self._graph, self._names
        self._ids = graph.input(IDS, np.int64, ("rows", "tokens"))
        self._mask = graph.input(MASK, np.int32, ("rows", "tokens"))
        bias = self._position_bias() if self._graph_names.relative_positions else ""
        states = self._embeddings()
        layers = self._encoder.get_submodule(names.layers)
        for index in range(len(list(layers.children()))):
            layer = f"{names.layers}.{index}."
            attended = self._attention(states, layer, bias)
            norm = layer + self._graph_names.attended_norm
            states = self._sublayer(attended, states, layer + names.attended, norm)
            states = self._feed_forward(states, layer)
        return self._with_offset(states, "encoder output")

    def _embeddings(self) -> States:
        graph, encoder = self._graph, self._encoder
        module: Any = encoder.get_submodule("embeddings")
        words, positions = _array(module.word_embeddings.weight), _array(module.position_embeddings.weight)
        if hasattr(module, "token_type_embeddings"):  # a text has no second segment
            positions = positions + _array(module.token_type_embeddings.weight)[0]
        table = graph.constant("positions", positions)
        if self._graph_names.counts_from_padding:
            places = graph.op("Gather", table, self._counted_positions(int(module.padding_idx)))
        else:
            count = graph.op("Shape", self._ids, start=1, end=2)
            places = graph.op("Slice", table, graph.integers(0), count)
        both = graph.op("Add", self._arithmetic.rows(graph, "words", words, self._ids), places)
        states = self._norm(both, "embeddings.LayerNorm")
        if not hasattr(encoder, "embeddings_project"):
            return states
        projected = self._linear(states, "embeddings_project", encoder.get_submodule("embeddings_project"))
        return States(projected, np.zeros(self._width, np.float32))

    def _counted_positions(self, padding: int) -> str:
        """RoBERTa's positions: tokens that are no padding are counted from the number of the padding token on."""
        graph = self._graph
        number = graph.constant("padding", np.array(padding, np.int64))
        present = graph.op("Cast", graph.op("Not", graph.op("Equal", self._ids, number)), to=INT64)
        counted = graph.op("CumSum", present, graph.constant("one", np.array(1, np.int64)))
        return graph.op("Add", graph.op("Mul", counted, present), number)

    def _position_bias(self) -> str:
        """What MPNet adds to the attention scores for the distance of two tokens: (1, heads, tokens, tokens)."""
        graph, encoder = self._graph, self._encoder.get_submodule("encoder")
        most = int(self._encoder.config.max_position_embeddings)
        with torch.no_grad():
            buckets = encoder.relative_position_bucket(  # type: ignore[operator]
                torch.arange(1 - most, most), num_buckets=self._encoder.config.relative_attention_num_buckets
            )
            table = _array(encoder.relative_attention_bias(buckets))  # type: ignore[operator]
        count = graph.op("Squeeze", graph.op("Shape", self._ids, start=1, end=2))
        zero, one = graph.constant("zero", np.array(0, np.int64)), graph.constant("one", np.array(1, np.int64))
        places = graph.op("Range", zero, count, one)
        distances = graph.op(
            "Sub", graph.op("Unsqueeze", places, graph.integers(0)), graph.op("Unsqueeze", places, graph.integers(1))
        )
        offset = graph.constant("largest distance", np.array(most - 1, np.int64))
        values = graph.op("Gather", graph.constant("distances", table), graph.op("Add", distances, offset))
        return graph.op("Unsqueeze", graph.op("Transpose", values, perm=[2, 0, 1]), graph.integers(0))

    def _attention(self, states: States, layer: str, bias: str) -> str:
        """Every token's mean of the values, weighted by the attention of each head: (rows, tokens, width)."""
        graph = self._graph
        parts = [self._encoder.get_submodule(layer + name) for name in self._names.projections]
        weight = np.concatenate([_array(part.weight) for part in parts])
        shift = np.concatenate([_array(part.bias) for part in parts]) + weight @ states.offset
        together = self._arithmetic.affine(graph, layer + "attention", states.value, weight, max_abs=states.max_abs)
        queries, keys, values = graph.ops("Split", together, outputs=3, axis=-1, num_outputs=3)
        return graph.op(
            "MultiHeadAttention",
            queries,
            keys,
            values,
            graph.constant(f"{layer}attention bias", shift),
            self._mask,
            *([bias] if bias else []),
            domain=RUNTIME_DOMAIN,
            num_heads=self._heads,
        )

    def _feed_forward(self, states: States, layer: str) -> States:
        inner, outer = layer + self._graph_names.inner, layer + self._names.outer
        linear = self._linear(states, inner, self._encoder.get_submodule(inner))
        hidden = activate(self._graph, self._activation, linear)
        # Parallel sites are at the module around the second map, or around both.
        paths = [path for path in self._sites if outer.startswith(path + ".")]
        gelu = self._activation in GELUS
        return self._sublayer(hidden, states, outer, layer + self._graph_names.outer_norm, gelu, [outer, *paths])

    def _sublayer(
        self, inner: str, states: States, path: str, norm: str, gelu: bool = False, sites: Sequence[str] | None = None
    ) -> States:
        """The end of a sub-layer: the last map, the bottlenecks, the residual and the LayerNorm."""
        graph, module = self._graph, self._encoder.get_submodule(path)
        weight, bias = _array(module.weight), _array(module.bias)
        max_abs = self._ranges.attended.get(path)
        here = [self._sites[site] for site in (sites or [path]) if site in self._sites]
        if not here:
            bias = bias + states.offset
        mapped = self._arithmetic.affine(graph, path, inner, weight, bias, max_abs=max_abs, gelu=gelu)
        terms = [mapped, states.value]
        offset = states.offset
        for site in here:
            source = mapped if site.kind == "after" else self._with_offset(states, site.path)
            terms += self._bottleneck(source, site, offset)
            offset = np.zeros_like(offset)
        return self._norm(graph.op("Sum", *terms), norm)

    def _bottleneck(self, source: str, site: GraphSite, offset: Array) -> tuple[str, str]:
        """What a bottleneck makes of `source`, and its last bias with the offset of the residual."""
        graph = self._graph
        down_weight, down_bias, up_weight, up_bias = self._site_inputs(site)
        inner = graph.op("Add", graph.op("MatMul", source, down_weight), down_bias)
        outer = graph.op("MatMul", activate(graph, self._non_linearity, inner), up_weight)
        if offset.any():
            up_bias = graph.op("Add", up_bias, graph.constant(f"{site.path} offset", offset))
        return outer, up_bias

    def _site_inputs(self, site: GraphSite) -> SiteInputs:
        """Make the tensors of a site's bottlenecks inputs of the graph; their size may be another in every run."""
        size = f"{site.path}.size"
        shapes: tuple[tuple[Size, ...], ...] = (
            (AGENTS, site.width, size),
            (AGENTS, 1, size),
            (AGENTS, size, site.width),
            (AGENTS, 1, site.width),
        )
        for name, shape in zip(site.inputs, shapes, strict=True):
            self._graph.input(name, np.float32, shape)
        return site.inputs

    def _linear(self, states: States, name: str, module: nn.Module) -> str:
        """An affine map of states and their offset."""
        weight = _array(module.weight)
        bias = _array(module.bias) + weight @ states.offset
        return self._arithmetic.affine(self._graph, name, states.value, weight, bias, max_abs=states.max_abs)

    def _norm(self, values: str, path: str) -> States:
        module: Any = self._encoder.get_submodule(path)
        spread = self._ranges.norms.get(path)
        offset = np.zeros(len(module.bias), np.float32) if spread is None else spread.centre
        gain = self._graph.constant(f"{path} gain", _array(module.weight))
        bias = self._graph.constant(f"{path} bias", _array(module.bias) - offset)
        normal = self._graph.op("LayerNormalization", values, gain, bias, axis=-1, epsilon=float(module.eps))
        return States(normal, offset, None if spread is None else spread.max_abs)

    def _with_offset(self, states: States, name: str) -> str:
        if not states.offset.any():
            return states.value
        return self._graph.op("Add", states.value, self._graph.constant(f"{name} offset", states.offset))


def _array(tensor: Tensor | nn.Module) -> Array:
    assert isinstance(tensor, Tensor)
    values: Array = tensor.detach().float().cpu().numpy()
    return values
