"""The sites of an exported graph, and what its inputs there are called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # what runs a graph does not need PyTorch
    from intent_adapters.adapter_config.sites import SiteShape


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
