"""Where the bottlenecks go, by the names of an encoder's modules."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from intent_adapters.adapter_config.config import AdapterConfig
from intent_adapters.architectures import Architecture

SiteKind = Literal["after", "parallel", "parallel_residual"]
"""How a bottleneck is attached to the module at a site.

- `"after"`: the module is a Linear; its output h becomes `h + delta(h)`.
- `"parallel"`: the module is a whole feed-forward sub-layer f without its residual; `f(x)` becomes `f(x) + delta(x)`.
- `"parallel_residual"`: the module is called as `module(h, x)` where x, the input of the feed-forward sub-layer, is
  only the residual inside it; the call becomes `module(h, x + delta(x))`, which is the same sum.
"""

PARALLEL_SLOT = "intent_parallel"
"""The submodule, at a parallel site, that holds the adapter: the site's module itself keeps its name and children."""


@dataclass(frozen=True)
class SiteShape:
    """One bottleneck: how it is attached and its sizes."""

    kind: SiteKind
    width: int
    size: int


def sites_among(names: Iterable[str], config: AdapterConfig, architecture: Architecture | None) -> dict[str, SiteKind]:
    """Those modules of an encoder at which an adapter has bottlenecks.

    Args:
        names: Of the encoder's modules.
        config: Says which sites; its `target_modules`, if given, override what is known of the architecture.
        architecture: What is known of it.

    Returns:
        Module name -> kind of the site, in the order of `names`.
    """
    if config.sites == "none":
        return {}
    if config.target_modules is not None:
        kind: SiteKind = "parallel" if config.sites == "parallel" else "after"
        return {name: kind for name in names if is_named(name, config.target_modules)}
    if architecture is None:
        return {}
    kinds: dict[str, SiteKind] = {architecture.outer: "after"}
    if config.sites == "houlsby":
        kinds[architecture.attended] = "after"
    elif config.sites == "parallel":
        kinds = {architecture.feed_forward: "parallel_residual" if architecture.takes_residual else "parallel"}
    # The encoder may be part of a larger model, as in BertForSequenceClassification: then its names have a prefix.
    layer = rf"(?:.*\.)?{re.escape(architecture.layers)}\.\d+\."
    compiled = {re.compile(layer + re.escape(name)): kind for name, kind in kinds.items()}
    return {name: kind for name in names for pattern, kind in compiled.items() if pattern.fullmatch(name)}


def is_named(name: str, endings: Iterable[str]) -> bool:
    """Whether one of some names is a module's, or the end of it from a dot on."""
    return any(name == ending or name.endswith(f".{ending}") for ending in endings)


def tensor_prefix(path: str, kind: SiteKind) -> str:
    """The name below which a site's tensors are saved: `<prefix>.intent_bottleneck_down.weight` and so on.

    Args:
        path: The name of the site's module, a key of `find_sites`.
        kind: The kind of the site.

    Returns:
        The name, without a dot at its end.
    """
    return path if kind == "after" else f"{path}.{PARALLEL_SLOT}"
