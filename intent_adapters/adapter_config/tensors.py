"""The tensors that an adapter of some config has on an encoder: their names and shapes."""

from __future__ import annotations

from collections.abc import Mapping

from intent_adapters.adapter_config.config import AdapterConfig
from intent_adapters.adapter_config.sites import SiteKind, SiteShape, tensor_prefix

# PEFT writes every tensor name below this prefix.
PREFIX = "base_model.model."
HEAD_SLOT = "intent_head"
"""The submodule of the encoder's root that holds the heads, of sentences and of tokens."""
HEAD = f"{HEAD_SLOT}.intent_bottleneck_head"
TAGGER = f"{HEAD_SLOT}.intent_bottleneck_tagger"


def site_tensors(path: str, kind: SiteKind) -> list[str]:
    """The names of a bottleneck's tensors: down weight, down bias, up weight, up bias."""
    prefix = f"{tensor_prefix(path, kind)}.intent_bottleneck_"
    return [prefix + name for name in ("down.weight", "down.bias", "up.weight", "up.bias")]


def expected_shapes(
    config: AdapterConfig, sites: Mapping[str, SiteShape], embedding_dim: int
) -> dict[str, tuple[int, ...]]:
    """The shape of every tensor that an adapter has, by its name without `PREFIX`.

    Args:
        config: Of the adapter.
        sites: Its bottlenecks, by the name of the module at which they are.
        embedding_dim: Of the embeddings that its head reads.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for path, site in sites.items():
        names = site_tensors(path, site.kind)
        shapes |= zip(
            names, [(site.size, site.width), (site.size,), (site.width, site.size), (site.width,)], strict=True
        )
    if config.labels:
        shapes[f"{HEAD}.weight"] = (len(config.labels), embedding_dim)
        shapes |= {f"{HEAD}.scale": (1,)} if config.head == "cosine" else {f"{HEAD}.bias": (len(config.labels),)}
    if config.tagger:
        shapes |= {f"{TAGGER}.{name}": shape for name, shape in config.tagger.shapes().items()}
    return shapes
