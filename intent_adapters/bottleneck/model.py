"""`BottleneckModel`: how PEFT puts the method on an encoder."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NoReturn

import torch
from peft.tuners.tuners_utils import BaseTuner
from peft.utils.other import AuxiliaryTrainingWrapper
from torch import nn

from intent_adapters.adapter_config.sites import PARALLEL_SLOT, SiteKind, tensor_prefix
from intent_adapters.adapter_config.tensors import HEAD_SLOT
from intent_adapters.bottleneck.config import BottleneckConfig
from intent_adapters.bottleneck.head import IntentHead
from intent_adapters.bottleneck.layer import (
    UNMERGEABLE,
    BottleneckLayer,
    IntentTunerLayer,
    ParallelBottleneck,
    SequentialBottleneck,
)
from intent_adapters.bottleneck.registration import PREFIX
from intent_adapters.bottleneck.sites import COMPILED, embedding_dim, find_sites, site_width
from intent_adapters.bottleneck.slots import HeadSlot, ParallelSlot, add_head_slot, add_parallel_slot, remove_slots
from intent_adapters.errors import ConfigError, shorten

BASE_ROWS = "__base__"
"""In `adapter_names`, the name of the rows that no adapter touches; PEFT's convention."""


class BottleneckModel(BaseTuner):
    """Bottleneck adapters and intent heads on an encoder; made by PEFT, not by hand.

    Its arguments are those of PEFT's `BaseTuner`: the encoder, a `BottleneckConfig` (or adapter name ->
    `BottleneckConfig`) and the name of the adapter to inject.
    """

    prefix: str = PREFIX
    tuner_layer_cls = IntentTunerLayer

    # The config that was asked for last, and its sites.
    _last_kinds: tuple[BottleneckConfig | None, dict[str, SiteKind]] = (None, {})

    def inject_adapter(
        self,
        model: nn.Module,
        adapter_name: str,
        autocast_adapter_dtype: bool = True,
        low_cpu_mem_usage: bool = False,
        state_dict: dict[str, torch.Tensor] | None = None,
    ) -> None:
        """Inject an adapter, if it can have that name; see PEFT's `BaseTuner.inject_adapter`.

        Raises:
            ConfigError: The name or the config does not fit, or `state_dict` has adapters where the config has none.
        """
        _check_adapter_name(adapter_name, _name_parts(model))
        if state_dict is not None:
            self._check_places(self.peft_config[adapter_name], state_dict)
        super().inject_adapter(model, adapter_name, autocast_adapter_dtype, low_cpu_mem_usage, state_dict)

    def _check_places(self, config: Any, state_dict: dict[str, torch.Tensor]) -> None:
        places = {name.partition(f".{PREFIX}")[0] for name in state_dict if f".{PREFIX}" in name}
        places = {place.replace(COMPILED, "") for place in places}
        unknown = places - self._site_kinds(config).keys() - ({HEAD_SLOT} if config.labels is not None else set())
        if unknown:
            raise ConfigError(f"the weights have an adapter at {min(unknown)!r}, which is not a site of their config")

    def _prepare_adapter_config(self, peft_config: Any, model_config: Any) -> Any:
        """Leave the config as it is: sites are found by name on the model, and the saved config stays portable."""
        return peft_config

    def _prepare_model(self, peft_config: Any, model: nn.Module) -> None:
        """Find the sites and put the slots on the encoder, after all that can be checked has been."""
        config: BottleneckConfig = peft_config
        sites = find_sites(model, config)
        # All that can be wrong is raised here, before the encoder is changed.
        for path, kind in sites.items():
            site_width(model, path, kind)
        if config.labels is not None:
            embedding_dim(model, config)
        wholes = tuple(config.modules_to_save or ())
        if wholes and not any(name.endswith(wholes) for name, _ in model.named_modules()):
            raise ConfigError(
                f"modules_to_save={config.modules_to_save} matches no module of this {type(model).__name__}"
            )
        for path, kind in sites.items():
            if kind != "after":
                add_parallel_slot(model.get_submodule(path), kind)
        if config.labels is not None:
            add_head_slot(_uncompiled(model))

    def _check_target_module_exists(self, peft_config: Any, key: str) -> bool:  # type: ignore[override]
        """Whether the module `key` is a site or the head of this adapter."""
        name = key.replace(COMPILED, "")
        return name in self._site_kinds(peft_config) or (name == HEAD_SLOT and peft_config.labels is not None)

    def _site_kinds(self, config: BottleneckConfig) -> dict[str, SiteKind]:
        """The modules that hold an adapter's bottlenecks: at the site, or in its slot. PEFT asks for each module."""
        known, kinds = self._last_kinds
        if known is not config:
            kinds = {tensor_prefix(path, kind): kind for path, kind in find_sites(self.model, config).items()}
            self._last_kinds = config, kinds
        return kinds

    def _create_and_replace(
        self,
        peft_config: Any,
        adapter_name: str,
        target: nn.Module,
        target_name: str,
        parent: nn.Module,
        current_key: str,
        parameter_name: str | None = None,
    ) -> None:
        config: BottleneckConfig = peft_config
        layer: IntentHead | BottleneckLayer
        if isinstance(target, IntentHead | HeadSlot):
            layer = target if isinstance(target, IntentHead) else IntentHead(target)
            device, dtype = _device_and_dtype(self.model)
            layer.update_layer(adapter_name, config, embedding_dim(self.model, config), device, dtype)
        else:
            layer = target if isinstance(target, BottleneckLayer) else self._new_layer(target, config, current_key)
            # A slot has no weights of its own: those beside it tell where the site is.
            device, dtype = _device_and_dtype(parent if isinstance(layer, ParallelBottleneck) else target)
            layer.update_layer(adapter_name, config, device, dtype)
        if layer is not target:
            setattr(_uncompiled(parent), target_name, layer)
        if adapter_name not in self.active_adapters:
            layer.set_requires_grad(adapter_name, False)

    def _new_layer(self, target: nn.Module, config: BottleneckConfig, current_key: str) -> BottleneckLayer:
        name = current_key.replace(COMPILED, "")
        width = site_width(self.model, name, self._site_kinds(config)[name])
        return (ParallelBottleneck if isinstance(target, ParallelSlot) else SequentialBottleneck)(target, width)

    def _replace_module(self, parent: nn.Module, child_name: str, new_module: nn.Module, child: nn.Module) -> None:
        """Put a module in another's place; PEFT's own version needs modules with weights, which slots have not."""
        setattr(_uncompiled(parent), child_name, new_module)

    @classmethod
    def _remove_adapter_name_from_key(cls, key: str, adapter_name: str) -> str:
        """Name weights on disk as on an encoder that is not compiled, so that either kind reads them."""
        name: str = super()._remove_adapter_name_from_key(key, adapter_name)
        return name.replace(COMPILED, "")

    def unload(self) -> nn.Module:
        """Take off all adapters and whatever else the method put on the encoder.

        Returns:
            The encoder, as it was before the first adapter; what `modules_to_save` trained stays in it, as in PEFT.
        """
        model: nn.Module = super().unload()
        remove_slots(model)
        return model

    def _cast_adapter_dtype(self, adapter_name: str, autocast_adapter_dtype: bool = True) -> None:
        """Obey `autocast_adapter_dtype=False`: without it, adapters are in float32 at least from the beginning."""
        if not autocast_adapter_dtype:
            for module in self.model.modules():
                if isinstance(module, IntentTunerLayer):
                    module.cast_to_base(adapter_name)

    @contextmanager
    def _enable_peft_forward_hooks(self, *args: Any, **kwargs: Any) -> Iterator[None]:
        """Hand `adapter_names` of a mixed batch to every layer; without this PEFT drops the names silently."""
        adapter_names = kwargs.pop("adapter_names", None)
        if adapter_names is None:
            yield
            return
        self._check_adapter_names(adapter_names)
        inject = partial(_inject_adapter_names, adapter_names=list(adapter_names))
        layers = [module for module in self.modules() if isinstance(module, BottleneckLayer)]
        wholes = [module for module in self.modules() if isinstance(module, AuxiliaryTrainingWrapper)]
        if wholes and self._is_compiled():
            raise ConfigError("adapter_names on a compiled model is not for adapters with modules_to_save")
        handles = [whole.register_forward_pre_hook(inject, with_kwargs=True) for whole in wholes]
        try:
            for layer in layers:
                layer.adapter_names = list(adapter_names)
            yield
        finally:
            for handle in handles:
                handle.remove()
            for layer in layers:
                layer.adapter_names = None

    def _is_compiled(self) -> bool:
        return torch.compiler.is_compiling() or any(
            COMPILED in f"{name}." or module._compiled_call_impl is not None for name, module in self.named_modules()
        )

    def _check_adapter_names(self, adapter_names: Any) -> None:
        if self.training:
            raise ConfigError("adapter_names is for inference; call eval() first, or train one adapter at a time")
        if isinstance(adapter_names, str) or not all(isinstance(name, str) for name in adapter_names):
            raise ConfigError(f"adapter_names must list one adapter name per row, got {adapter_names!r}")
        unknown = sorted(set(adapter_names) - set(self.peft_config) - {BASE_ROWS})
        if unknown:
            raise ConfigError(
                f"adapter_names has unknown adapters: {', '.join(map(repr, unknown))}; loaded are "
                f"{', '.join(map(repr, self.peft_config))}, and {BASE_ROWS!r} is the bare encoder"
            )

    def delete_adapter(self, adapter_name: str) -> None:
        """Delete an adapter; if it was the only active one, the first that remains is activated, with a warning.

        A `PeftModel` cannot be called while no adapter is active, so PEFT's contract is kept here, for the whole
        encoder at once. transformers and sentence-transformers can be, and leave none active.
        """
        super().delete_adapter(adapter_name)
        if not self.active_adapters and self.peft_config:
            successor = next(iter(self.peft_config))
            warnings.warn(f"{adapter_name!r}, which was active, is deleted; {successor!r} is active now", stacklevel=2)
            self.set_adapter(successor)

    def _check_merge_allowed(self) -> NoReturn:
        raise ConfigError(UNMERGEABLE)


def _name_parts(model: nn.Module) -> set[str]:
    """What stands between dots in the names of parameters, those of a `PeftModel` included, less adapters' names."""
    own = (name for name, _ in model.named_modules() if PREFIX not in name and ".modules_to_save." not in name)
    adapters = (*BottleneckLayer.adapter_layer_names, *IntentHead.adapter_layer_names, HEAD_SLOT, PARALLEL_SLOT)
    return {
        "base_model",
        "model",
        "weight",
        "bias",
        "scale",
        *adapters,
        *(part for name in own for part in name.split(".")),
    }


def _uncompiled(module: nn.Module) -> nn.Module:
    """The module that torch.compile has wrapped: submodules put on the wrapper are not found again."""
    inside: nn.Module = getattr(module, COMPILED.removesuffix("."), module)
    return inside


def _inject_adapter_names(
    module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], adapter_names: Sequence[str]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return args, {**kwargs, "adapter_names": adapter_names}


def _device_and_dtype(module: nn.Module) -> tuple[torch.device, torch.dtype]:
    """Of the first floating-point parameter; quantised weights are integers and tell only the device."""
    device: torch.device | None = None
    for parameter in module.parameters():
        if parameter.is_floating_point():
            return parameter.device, parameter.dtype
        device = device or parameter.device
    return device or torch.device("cpu"), torch.float32


def _check_adapter_name(name: Any, parts: Collection[str]) -> None:
    """A name under which `torch.nn.ModuleDict` and PEFT can keep an adapter on a model.

    Args:
        name: The name.
        parts: All that stands between dots in the names of the model's parameters.
    """
    if not isinstance(name, str) or not name or "." in name or name == BASE_ROWS or hasattr(nn.ModuleDict(), name):
        raise ConfigError(
            f"an adapter cannot be named {shorten(name)}: a name must be a non-empty string without dots, and neither "
            f"{BASE_ROWS!r} nor an attribute of torch.nn.ModuleDict, such as 'keys'"
        )
    if name in parts:
        raise ConfigError(
            f"an adapter cannot be named {shorten(name)} on this model, whose parameters have {'.' + name + '.'!r} in "
            "their names: PEFT would take those of other adapters for this one's and leave them out of their files"
        )
