"""A BERT-like encoder with bottlenecks at its sites, as an ONNX graph.

It is written operator by operator, not traced from PyTorch: PyTorch 2.13's exporters give a graph of transformers 5
that ONNX Runtime's optimiser finds no attention in, one of them with wrong answers for padded rows, and the operators
that ONNX Runtime fuses by itself (SkipLayerNormalization, BiasGelu) are slower on a CPU than the parts they are made
of.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from intent_adapters.adapter_config.tagger import tagger_layer
from intent_adapters.artifacts.base_files import BaseFiles
from intent_adapters.artifacts.base_weights import Array
from intent_adapters.runtime.onnx.export.activations import GELUS, activate, activation_name
from intent_adapters.runtime.onnx.export.arithmetic import Float32
from intent_adapters.runtime.onnx.export.graph import INT64, RUNTIME_DOMAIN, Graph, Size
from intent_adapters.runtime.onnx.run.description import IDS, MASK
from intent_adapters.runtime.onnx.run.sites import GraphSite, SiteInputs

# The name of a size: 1, or the number of rows.
AGENTS = "agents"
# From this distance on MPNet tells distances apart no more.
FARTHEST = 128


class ColumnRanges(NamedTuple):
    """What a LayerNorm gives, over many tokens.

    Attributes:
        centre: The mean of each column.
        max_abs: How far the column goes from its mean, at most.
    """

    centre: Array
    max_abs: Array

    @classmethod
    def of(cls, outputs: Iterable[Array]) -> ColumnRanges:
        """Over texts, (1, tokens, width) each."""
        values = np.concatenate([output[0] for output in outputs]).astype(np.float64)
        centre = values.mean(axis=0)
        return cls(centre.astype(np.float32), np.abs(values - centre).max(axis=0).astype(np.float32))


class Ranges(NamedTuple):
    """Where activations lie.

    Attributes:
        norms: What each LayerNorm gives, by the name of its module.
        attended: How far from zero the values that attention gives go, by the name of the map that takes them.
    """

    norms: dict[str, ColumnRanges]
    attended: dict[str, float]


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
        files: The base.
        arithmetic: How weights are held and multiplied.
        sites: Where there are bottlenecks.
        non_linearity: Of the bottlenecks.
        ranges: Where activations lie, if it matters.

    Attributes:
        norms: What each LayerNorm gives, by the name of its module; a value of the graph.
        attended: What attention gives, by the name of the map that takes it.
        token_states: The states that taggers read; a value of the graph.
    """

    def __init__(
        self,
        graph: Graph,
        files: BaseFiles,
        arithmetic: Float32,
        sites: Sequence[GraphSite],
        non_linearity: str,
        ranges: Ranges | None,
    ) -> None:
        self._graph = graph
        self._weights = files.weights
        self._config = files.config
        self._arithmetic = arithmetic
        self._sites = {site.path: site for site in sites}
        self._non_linearity = non_linearity
        self._ranges = ranges or Ranges({}, {})
        self._names, self._graph_names = files.architecture, files.graph
        self._activation = activation_name(files.config.activation)
        self.norms: dict[str, str] = {}
        self.attended: dict[str, str] = {}
        self.token_states = ""

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
        for number, layer in enumerate(names.layer_names(self._config.layers), start=1):
            attended = self._attention(states, layer, bias)
            self.attended[layer + names.attended] = attended
            norm = layer + self._graph_names.attended_norm
            states = self._sublayer(attended, states, layer + names.attended, norm)
            states = self._feed_forward(states, layer)
            if number == tagger_layer(self._config.layers):
                self.token_states = self._with_offset(states, "token states")
        return self._with_offset(states, "encoder output")

    def _embeddings(self) -> States:
        graph, weights = self._graph, self._weights
        words, positions = (weights[f"embeddings.{table}_embeddings.weight"] for table in ("word", "position"))
        if self._graph_names.token_types:  # a text has no second segment
            positions = positions + weights["embeddings.token_type_embeddings.weight"][0]
        table = graph.constant("positions", positions)
        if self._graph_names.counts_from_padding:
            places = graph.op("Gather", table, self._counted_positions(self._config.padding))
        else:
            count = graph.op("Shape", self._ids, start=1, end=2)
            places = graph.op("Slice", table, graph.integers(0), count)
        both = graph.op("Add", self._arithmetic.rows(graph, "words", words, self._ids), places)
        states = self._norm(both, "embeddings.LayerNorm")
        if not self._config.has_projection:
            return states
        return States(self._linear(states, "embeddings_project"), np.zeros(self._config.width, np.float32))

    def _counted_positions(self, padding: int) -> str:
        """RoBERTa's positions: tokens that are no padding are counted from the number of the padding token on."""
        graph = self._graph
        number = graph.constant("padding", np.array(padding, np.int64))
        present = graph.op("Cast", graph.op("Not", graph.op("Equal", self._ids, number)), to=INT64)
        counted = graph.op("CumSum", present, graph.constant("one", np.array(1, np.int64)))
        return graph.op("Add", graph.op("Mul", counted, present), number)

    def _position_bias(self) -> str:
        """What MPNet adds to the attention scores for the distance of two tokens: (1, heads, tokens, tokens)."""
        graph, most = self._graph, self._config.positions
        buckets = distance_buckets(np.arange(1 - most, most), self._config.position_buckets)
        table = self._weights["encoder.relative_attention_bias.weight"][buckets]
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
        weight, shift = (
            np.concatenate([self._weights[f"{layer}{name}.{kind}"] for name in self._names.projections])
            for kind in ("weight", "bias")
        )
        shift = shift + weight @ states.offset
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
            num_heads=self._config.heads,
        )

    def _feed_forward(self, states: States, layer: str) -> States:
        inner, outer = layer + self._graph_names.inner, layer + self._names.outer
        linear = self._linear(states, inner)
        hidden = activate(self._graph, self._activation, linear)
        # Parallel sites are at the module around the second map, or around both.
        paths = [path for path in self._sites if outer.startswith(path + ".")]
        gelu = self._activation in GELUS
        return self._sublayer(hidden, states, outer, layer + self._graph_names.outer_norm, gelu, [outer, *paths])

    def _sublayer(
        self, inner: str, states: States, path: str, norm: str, gelu: bool = False, sites: Sequence[str] | None = None
    ) -> States:
        """The end of a sub-layer: the last map, the bottlenecks, the residual and the LayerNorm."""
        graph = self._graph
        weight, bias = self._affine(path)
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

    def _linear(self, states: States, path: str) -> str:
        """An affine map of states and their offset."""
        weight, bias = self._affine(path)
        bias = bias + weight @ states.offset
        return self._arithmetic.affine(self._graph, path, states.value, weight, bias, max_abs=states.max_abs)

    def _norm(self, values: str, path: str) -> States:
        spread = self._ranges.norms.get(path)
        weight, bias = self._affine(path)
        offset = np.zeros(len(bias), np.float32) if spread is None else spread.centre
        gain = self._graph.constant(f"{path} gain", weight)
        shift = self._graph.constant(f"{path} bias", bias - offset)
        normal = self._graph.op("LayerNormalization", values, gain, shift, axis=-1, epsilon=self._config.epsilon)
        self.norms[path] = normal
        return States(normal, offset, None if spread is None else spread.max_abs)

    def _affine(self, path: str) -> tuple[Array, Array]:
        return self._weights[f"{path}.weight"], self._weights[f"{path}.bias"]

    def _with_offset(self, states: States, name: str) -> str:
        if not states.offset.any():
            return states.value
        return self._graph.op("Add", states.value, self._graph.constant(f"{name} offset", states.offset))


def distance_buckets(distances: NDArray[np.int64], buckets: int) -> NDArray[np.int64]:
    """Which of MPNet's (that is T5's) numbers stands for a distance between tokens.

    Half of them are for distances above 0. Of each half, half stand for one distance each, the others for ranges that
    grow with the logarithm of the distance.

    Args:
        distances: Of any shape.
        buckets: How many there are.
    """
    half = buckets // 2
    exact = half // 2
    far = np.abs(distances)
    # In float32, as transformers: where a range begins, rounding decides.
    growth = np.log(np.maximum(far, 1).astype(np.float32) / np.float32(exact)) / np.float32(math.log(FARTHEST / exact))
    ranges = exact + (growth * np.float32(half - exact)).astype(np.int64)
    return (distances > 0) * half + np.where(far < exact, far, np.minimum(ranges, half - 1))
