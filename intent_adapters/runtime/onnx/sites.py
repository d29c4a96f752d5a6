"""The inputs of the graph: at every site, the tensors of one bottleneck or of one per row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from intent_adapters.artifacts.tensors import SiteShape
from intent_adapters.runtime.onnx.graph import Graph, Size

AGENTS = "agents"


class SiteInputs(NamedTuple):
    """The names of a site's inputs, in the order of `bottlenecks.SiteTensors`."""

    down_weight: str
    down_bias: str
    up_weight: str
    up_bias: str


@dataclass(frozen=True)
class GraphSite:
    """A site of an exported graph.

    Attributes:
        path: The name of its module in the encoder.
        kind: How the bottleneck is attached: a `SiteKind`.
        width: The size of the hidden states there.
    """

    path: str
    kind: str
    width: int

    @property
    def inputs(self) -> SiteInputs:
        """The names of the inputs."""
        return SiteInputs(*(f"{self.path}.{part}" for part in SiteInputs._fields))

    def fits(self, shape: SiteShape) -> bool:
        """Whether a bottleneck can be attached here. Its size is free."""
        return (shape.kind, shape.width) == (self.kind, self.width)

    def declare(self, graph: Graph) -> SiteInputs:
        """Make them inputs of the graph: weights (agents, width, size), biases (agents, 1, size), and so on.

        `agents` is 1 or the number of rows; the size of the bottleneck may be another at every site and in every run.
        """
        size = f"{self.path}.size"
        shapes: tuple[tuple[Size, ...], ...] = (
            (AGENTS, self.width, size),
            (AGENTS, 1, size),
            (AGENTS, size, self.width),
            (AGENTS, 1, self.width),
        )
        for name, shape in zip(self.inputs, shapes, strict=True):
            graph.input(name, np.float32, shape)
        return self.inputs
