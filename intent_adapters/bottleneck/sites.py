"""Where the adapters go: the modules of an encoder at which a bottleneck is attached."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn

from intent_adapters.architectures import ARCHITECTURES, architecture_of, model_type_of
from intent_adapters.bottleneck.config import BottleneckConfig
from intent_adapters.errors import ConfigError

SiteKind = Literal["after", "parallel", "parallel_residual"]
"""How a bottleneck is attached to the module at a site.

- `"after"`: the module is a Linear; its output h becomes `h + delta(h)`.
- `"parallel"`: the module is a whole feed-forward sub-layer f without its residual; `f(x)` becomes `f(x) + delta(x)`.
- `"parallel_residual"`: the module is called as `module(h, x)` where x, the input of the feed-forward sub-layer, is
  only the residual inside it; the call becomes `module(h, x + delta(x))`, which is the same sum.
"""

COMPILED = "_orig_mod."
"""What torch.compile puts before the names of the modules inside a compiled one."""

PARALLEL_SLOT = "intent_parallel"
"""The submodule, at a parallel site, that holds the adapter: the site's module itself keeps its name and children."""


def find_sites(model: nn.Module, config: BottleneckConfig) -> dict[str, SiteKind]:
    """The modules of an encoder at which the adapters of `config` are attached.

    Args:
        model: The encoder, with or without PEFT adapters on it.
        config: Says which sites; its `target_modules`, if given, override the table of architectures.

    Returns:
        Module name -> kind of the site, in the order of `model.named_modules()`; empty for `sites="none"`. The names
        are those in the model as it is before `torch.compile`.

    Raises:
        ConfigError: The architecture is unknown, no module matches, or a matching one cannot take an adapter.
    """
    if config.sites == "none":
        return {}
    own_modules = _own_modules(model, config)
    if config.target_modules is not None:
        return _chosen_sites(model, config, own_modules)
    model_type, architecture = model_type_of(model), architecture_of(model)
    if architecture is None:
        raise ConfigError(
            f"no adapter sites are known for the architecture model_type={model_type!r}; "
            f"known are {', '.join(ARCHITECTURES)}. {_how_to_choose(own_modules)}"
        )
    kinds: dict[str, SiteKind] = {architecture.outer: "after"}
    if config.sites == "houlsby":
        kinds[architecture.attended] = "after"
    elif config.sites == "parallel":
        kinds = {architecture.feed_forward: "parallel_residual" if architecture.takes_residual else "parallel"}
    # The encoder may be part of a larger model, as in BertForSequenceClassification: then its names have a prefix.
    layer = rf"(?:.*\.)?{re.escape(architecture.layers)}\.\d+\."
    compiled = {re.compile(layer + re.escape(name)): kind for name, kind in kinds.items()}
    sites: dict[str, SiteKind] = {
        name: kind for name in own_modules for pattern, kind in compiled.items() if pattern.fullmatch(name)
    }
    if not sites:
        raise ConfigError(
            f"this {type(model).__name__} of model_type={model_type!r} has none of the modules at which "
            f"sites={config.sites!r} puts adapters. {_how_to_choose(own_modules)}"
        )
    return sites


def tensor_prefix(path: str, kind: SiteKind) -> str:
    """The name below which a site's tensors are saved: `<prefix>.intent_bottleneck_down.weight` and so on.

    Args:
        path: The name of the site's module, a key of `find_sites`.
        kind: The kind of the site.

    Returns:
        The name, without a dot at its end.
    """
    return path if kind == "after" else f"{path}.{PARALLEL_SLOT}"


def site_width(model: nn.Module, path: str, kind: SiteKind) -> int:
    """The number of elements of a hidden state at a site.

    Raises:
        ConfigError: The site is a parallel one and the encoder's config has no hidden size.
    """
    if kind == "after":
        module = model.get_submodule(path)
        return int(_unwrapped(module).out_features)
    width = _hidden_size(model)
    if width is None:
        raise ConfigError(
            f'sites="parallel" needs the hidden size, and this {type(model).__name__} has no config.hidden_size'
        )
    return width


def embedding_dim(model: nn.Module, config: BottleneckConfig) -> int:
    """The dimension of the embeddings that the head reads.

    Raises:
        ConfigError: The adapter's config does not say, nor does the encoder's.
    """
    dim = config.embedding_dim or _hidden_size(model)
    if dim is None:
        raise ConfigError(f"the hidden size of this {type(model).__name__} is unknown; give embedding_dim")
    return dim


def _own_modules(model: nn.Module, config: BottleneckConfig) -> dict[str, nn.Module]:
    """The encoder's own modules by name: without what is inside of adapters or is trained whole."""
    own: dict[str, nn.Module] = {}
    inside: tuple[str, ...] = ()
    for name, module in model.named_modules():
        name = name.replace(COMPILED, "")
        if name.startswith(inside):
            continue
        if _is_named(name, config.modules_to_save or ()):
            inside += (f"{name}.",)
            continue
        own[name] = module
        if isinstance(module, BaseTunerLayer):
            inside += (f"{name}.",)
    return own


def _unwrapped(module: nn.Module) -> Any:
    return module.get_base_layer() if isinstance(module, BaseTunerLayer) else module


def _hidden_size(model: nn.Module) -> int | None:
    size = getattr(getattr(model, "config", None), "hidden_size", None)
    return size if isinstance(size, int) else None


def _chosen_sites(
    model: nn.Module, config: BottleneckConfig, own_modules: Mapping[str, nn.Module]
) -> dict[str, SiteKind]:
    kind: SiteKind = "parallel" if config.sites == "parallel" else "after"
    sites: dict[str, SiteKind] = {}
    for name, module in own_modules.items():
        if not _is_named(name, config.target_modules or ()):
            continue
        if kind == "after" and not hasattr(_unwrapped(module), "out_features"):
            raise ConfigError(
                f"target_modules matches {name!r}, a {type(module).__name__}, but with sites={config.sites!r} an "
                f"adapter follows a Linear. {_how_to_choose(own_modules)}"
            )
        sites[name] = kind
    if not sites:
        raise ConfigError(f"target_modules={config.target_modules!r} matches no module. {_how_to_choose(own_modules)}")
    return sites


def _is_named(name: str, endings: Iterable[str]) -> bool:
    return any(name == ending or name.endswith(f".{ending}") for ending in endings)


def _how_to_choose(own_modules: Mapping[str, nn.Module]) -> str:
    candidates = list(
        dict.fromkeys(
            re.sub(r"\.\d+\.", ".N.", name)
            for name, module in own_modules.items()
            if isinstance(_unwrapped(module), nn.Linear)
        )
    )
    shown = ", ".join(candidates[:20]) + (", ..." if len(candidates) > 20 else "")
    return (
        "To choose them yourself, give target_modules the endings of the names of the Linear modules whose output is "
        "to be adapted, usually those that end a sub-layer. "
        f"This model's Linear modules (N is a number): {shown or 'none'}."
    )
