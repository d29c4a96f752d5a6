"""The tensors that an adapter of some config has on an encoder: their names and shapes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from transformers import PreTrainedModel

from intent_adapters.bottleneck import BottleneckConfig, SiteKind, find_sites, tensor_prefix
from intent_adapters.bottleneck.sites import embedding_dim, site_width
from intent_adapters.bottleneck.slots import HEAD_SLOT

# PEFT writes every tensor name below this prefix.
PREFIX = "base_model.model."
HEAD = f"{HEAD_SLOT}.intent_bottleneck_head"


@dataclass(frozen=True)
class SiteShape:
    """One bottleneck: how it is attached and its sizes."""

    kind: SiteKind
    width: int
    size: int


_found: WeakKeyDictionary[PreTrainedModel, dict[object, Mapping[str, SiteShape]]] = WeakKeyDictionary()


def site_shapes(encoder: PreTrainedModel, config: BottleneckConfig) -> Mapping[str, SiteShape]:
    """The bottlenecks of an adapter, by the name of the module at which they are.

    Going through the modules of an encoder takes as long as reading an adapter, so the answer is kept.

    Returns:
        In the order of the encoder's modules; empty for `sites="none"`.

    Raises:
        ConfigError: The config's sites are not on this encoder.
    """
    key = (
        config.sites,
        config.target_modules and tuple(config.target_modules),
        config.bottleneck_size,
        config.reduction_factor,
    )
    found = _found.setdefault(encoder, {})
    if key not in found:
        shapes: dict[str, SiteShape] = {}
        for path, kind in find_sites(encoder, config).items():
            width = site_width(encoder, path, kind)
            shapes[path] = SiteShape(kind, width, config.size_for(width))
        found[key] = shapes
    return found[key]


def site_tensors(path: str, kind: SiteKind) -> list[str]:
    """The names of a bottleneck's tensors: down weight, down bias, up weight, up bias."""
    prefix = f"{tensor_prefix(path, kind)}.intent_bottleneck_"
    return [prefix + name for name in ("down.weight", "down.bias", "up.weight", "up.bias")]


def expected_shapes(encoder: PreTrainedModel, config: BottleneckConfig) -> dict[str, tuple[int, ...]]:
    """The shape of every tensor that an adapter of this config has on this encoder, by its name without `PREFIX`.

    Raises:
        ConfigError: The config's sites are not on this encoder.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for path, site in site_shapes(encoder, config).items():
        names = site_tensors(path, site.kind)
        shapes |= zip(
            names, [(site.size, site.width), (site.size,), (site.width, site.size), (site.width,)], strict=True
        )
    if config.labels:
        shapes[f"{HEAD}.weight"] = (len(config.labels), embedding_dim(encoder, config))
        shapes |= {f"{HEAD}.scale": (1,)} if config.head == "cosine" else {f"{HEAD}.bias": (len(config.labels),)}
    return shapes
