"""An adapter in memory, ready to run: its tensors laid out by site, its head as a function."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from transformers import PreTrainedModel

from intent_adapters.bottleneck import SiteKind, bottleneck_delta, find_sites
from intent_adapters.runtime.adapter import Adapter, site_tensors
from intent_adapters.runtime.head import AgentHead


@dataclass(frozen=True)
class Site:
    """One bottleneck: where its output goes, and its tensors: down weight, down bias, up weight, up bias."""

    kind: SiteKind
    tensors: tuple[Tensor, Tensor, Tensor, Tensor]
    non_linearity: str
    scaling: float

    def delta(self, hidden: Tensor) -> Tensor:
        """What the bottleneck adds to the residual stream; (rows, tokens, hidden) in and out."""
        return bottleneck_delta(hidden, *self.tensors, self.non_linearity, self.scaling)


class Resident:
    """An adapter on the device of its base.

    Args:
        adapter: Checked against the encoder here, so that a resident adapter always fits.
        encoder: The base's transformers model.

    Raises:
        AdapterError: The adapter does not fit the encoder.
    """

    def __init__(self, adapter: Adapter, encoder: PreTrainedModel) -> None:
        adapter.check_fits(encoder)
        self.adapter = adapter
        self.config = adapter.config
        device = encoder.device
        tensors = {name: tensor.to(device) for name, tensor in adapter.tensors.items()}
        self.sites: dict[str, Site] = {}
        for path, kind in find_sites(encoder, self.config).items():
            down_weight, down_bias, up_weight, up_bias = (tensors[name] for name in site_tensors(path, kind))
            self.sites[path] = Site(
                kind, (down_weight, down_bias, up_weight, up_bias), self.config.non_linearity, self.config.scaling
            )
        self.head = AgentHead(adapter, device)
