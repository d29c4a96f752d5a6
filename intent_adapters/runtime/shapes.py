"""The bottlenecks that an adapter of some config has on an encoder: found once per encoder and kind of config."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from transformers import PreTrainedModel

from intent_adapters.bottleneck import BottleneckConfig, SiteKind, find_sites
from intent_adapters.bottleneck.sites import site_width


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

    Args:
        encoder: The base's transformers model; its modules stay as they are.
        config: Says which sites, and their size.

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
    known = _found.setdefault(encoder, {})
    if key not in known:
        shapes: dict[str, SiteShape] = {}
        for path, kind in find_sites(encoder, config).items():
            width = site_width(encoder, path, kind)
            shapes[path] = SiteShape(kind, width, config.size_for(width))
        known[key] = shapes
    return known[key]
