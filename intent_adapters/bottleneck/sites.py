"""Where the adapters go: the modules of an encoder at which a bottleneck is attached."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn

from intent_adapters.adapter_config.config import AdapterConfig
from intent_adapters.adapter_config.sites import SiteKind, SiteShape, is_named, sites_among
from intent_adapters.architectures import ARCHITECTURES, architecture_of, model_type_of
from intent_adapters.errors import ConfigError

COMPILED = "_orig_mod."
"""What torch.compile puts before the names of the modules inside a compiled one."""


_shapes: WeakKeyDictionary[nn.Module, dict[object, Mapping[str, SiteShape]]] = WeakKeyDictionary()


def find_sites(model: nn.Module, config: AdapterConfig) -> dict[str, SiteKind]:
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
    model_type, architecture = model_type_of(model), architecture_of(model)
    sites = sites_among(own_modules, config, architecture)
    problem = None
    if config.target_modules is not None:
        problem = None if sites else f"target_modules={config.target_modules!r} matches no module"
        other = next((n for n, k in sites.items() if k == "after" and not _is_linear(own_modules[n])), None)
        if other is not None:
            problem = (
                f"target_modules matches {other!r}, a {type(own_modules[other]).__name__}, but with "
                f"sites={config.sites!r} an adapter follows a Linear"
            )
    elif architecture is None:
        problem = (
            f"no adapter sites are known for the architecture model_type={model_type!r}; "
            f"known are {', '.join(ARCHITECTURES)}"
        )
    elif not sites:
        problem = (
            f"this {type(model).__name__} of model_type={model_type!r} has none of the modules at which "
            f"sites={config.sites!r} puts adapters"
        )
    if problem is not None:
        raise ConfigError(f"{problem}. {_how_to_choose(own_modules)}")
    return sites


def site_shapes(model: nn.Module, config: AdapterConfig) -> Mapping[str, SiteShape]:
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
    found = _shapes.setdefault(model, {})
    if key not in found:
        shapes: dict[str, SiteShape] = {}
        for path, kind in find_sites(model, config).items():
            width = site_width(model, path, kind)
            shapes[path] = SiteShape(kind, width, config.size_for(width))
        found[key] = shapes
    return found[key]


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


def embedding_dim(model: nn.Module, config: AdapterConfig) -> int:
    """The dimension of the embeddings that the head reads.

    Raises:
        ConfigError: The adapter's config does not say, nor does the encoder's.
    """
    dim = config.embedding_dim or _hidden_size(model)
    if dim is None:
        raise ConfigError(f"the hidden size of this {type(model).__name__} is unknown; give embedding_dim")
    return dim


def _own_modules(model: nn.Module, config: AdapterConfig) -> dict[str, nn.Module]:
    """The encoder's own modules by name: without what is inside of adapters or is trained whole."""
    own: dict[str, nn.Module] = {}
    inside: tuple[str, ...] = ()
    for name, module in model.named_modules():
        name = name.replace(COMPILED, "")
        if name.startswith(inside):
            continue
        if is_named(name, config.modules_to_save or ()):
            inside += (f"{name}.",)
            continue
        own[name] = module
        if isinstance(module, BaseTunerLayer):
            inside += (f"{name}.",)
    return own


def _is_linear(module: nn.Module) -> bool:
    return hasattr(_unwrapped(module), "out_features")


def _unwrapped(module: nn.Module) -> Any:
    return module.get_base_layer() if isinstance(module, BaseTunerLayer) else module


def _hidden_size(model: nn.Module) -> int | None:
    size = getattr(getattr(model, "config", None), "hidden_size", None)
    return size if isinstance(size, int) else None


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
