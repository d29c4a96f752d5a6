"""The layers that PEFT injects: a bottleneck after a Linear, or beside a whole sub-layer."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any, NoReturn

import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import Tensor, nn

from intent_adapters.bottleneck.config import BottleneckConfig
from intent_adapters.bottleneck.functional import NON_LINEARITIES
from intent_adapters.errors import ConfigError

UNMERGEABLE = (
    "a bottleneck adapter cannot be merged into the base: between its two projections is a non-linearity, so no "
    "single weight matrix does the same. Keep the adapter attached, or take it off with unload()"
)


class IntentTunerLayer(BaseTunerLayer):
    """What the layers of this method have in common."""

    base_dtype = torch.float32
    """The type of the encoder's weights where this layer is."""

    def merge(self, safe_merge: bool = False, adapter_names: list[str] | None = None) -> NoReturn:
        """Refused: see `UNMERGEABLE`."""
        raise ConfigError(UNMERGEABLE)

    def unmerge(self) -> NoReturn:
        """Refused: see `UNMERGEABLE`."""
        raise ConfigError(UNMERGEABLE)

    def delete_adapter(self, adapter_name: str) -> None:
        """Delete an adapter; if it was the only active one, none is active afterwards.

        PEFT would activate another adapter here, each layer for itself; but layers that have different adapters, as
        those at different sites do, would not agree on one. `BottleneckModel` chooses for all of them.
        """
        for attribute in self.adapter_layer_names + self.other_param_names:
            container = getattr(self, attribute)
            if adapter_name in container:
                del container[adapter_name]
        if adapter_name in self.active_adapters:
            self.set_adapter([name for name in self.active_adapters if name != adapter_name])

    def cast_to_base(self, adapter_name: str) -> None:
        """Hold an adapter in the type of the encoder's weights, also if that is half precision."""
        for attribute in self.adapter_layer_names:
            container = getattr(self, attribute)
            if adapter_name in container:
                container[adapter_name].to(self.base_dtype)

    def _place(self, adapter: nn.Module, device: torch.device, dtype: torch.dtype) -> nn.Module:
        """Put a new adapter beside the base, in float32 at least: half precision does not train well.

        With low_cpu_mem_usage the adapter is on the meta device, where it stays until its weights are loaded. A base
        that is offloaded is on the meta device, where the adapter must not follow it.
        """
        self.base_dtype = dtype
        if any(parameter.is_meta for parameter in adapter.parameters()):
            return adapter
        wide = torch.promote_types(dtype, torch.float32)
        return adapter.to(dtype=wide) if device.type == "meta" else adapter.to(device, wide)


class BottleneckLayer(IntentTunerLayer):
    """Holds the bottlenecks of all adapters at one site.

    Attributes:
        intent_bottleneck_down: Adapter name -> Linear from width to bottleneck size.
        intent_bottleneck_up: Adapter name -> Linear from bottleneck size to width.
        adapter_names: During a mixed batch, one adapter name per row; else None, for the active adapters. It is an
            attribute since compiled code watches attributes, and would overlook a hook that passes it.
    """

    adapter_names: Sequence[str] | None = None

    adapter_layer_names = ("intent_bottleneck_down", "intent_bottleneck_up")
    other_param_names = ("intent_bottleneck_dropout", "intent_bottleneck_settings")

    def __init__(self, base_layer: nn.Module, width: int) -> None:
        self.base_layer = base_layer
        self.width = width
        self.intent_bottleneck_down = nn.ModuleDict()
        self.intent_bottleneck_up = nn.ModuleDict()
        self.intent_bottleneck_dropout = nn.ModuleDict()
        self.intent_bottleneck_settings: dict[str, tuple[str, float]] = {}
        self._disable_adapters = False
        self.merged_adapters: list[str] = []

    def update_layer(
        self, adapter_name: str, config: BottleneckConfig, device: torch.device, dtype: torch.dtype
    ) -> None:
        """Add the bottleneck of an adapter, or put a fresh one in its place.

        Args:
            adapter_name: Its name.
            config: Its settings.
            device: Where the encoder's weights are at this site.
            dtype: Their type.
        """
        size = config.size_for(self.width)
        down = nn.Linear(self.width, size)
        up = nn.Linear(size, self.width)
        with torch.no_grad():
            nn.init.kaiming_uniform_(down.weight, a=math.sqrt(5))
            nn.init.zeros_(down.bias)
            if config.init_weights:
                nn.init.zeros_(up.weight)
                nn.init.zeros_(up.bias)
        self.intent_bottleneck_down[adapter_name] = self._place(down, device, dtype)
        self.intent_bottleneck_up[adapter_name] = self._place(up, device, dtype)
        self.intent_bottleneck_dropout[adapter_name] = nn.Dropout(config.dropout)
        self.intent_bottleneck_settings[adapter_name] = (config.non_linearity, config.scaling)
        self.set_adapter(self.active_adapters, inference_mode=config.inference_mode)

    def _adapt(self, hidden: Tensor, target: Tensor) -> Tensor:
        """`target` plus what the bottlenecks make of `hidden`, both of shape (batch, ..., width)."""
        adapter_names = self.adapter_names
        if self.disable_adapters:
            if adapter_names is not None:
                warnings.warn("adapters are disabled, so adapter_names has no effect", stacklevel=2)
            return target
        if adapter_names is None:
            for name in self.active_adapters:
                if name in self.intent_bottleneck_down:
                    target = target + self._delta(hidden, name)
            return target
        if len(adapter_names) != len(hidden):
            raise ConfigError(
                f"adapter_names must name one adapter per row, got {len(adapter_names)} names for {len(hidden)} rows"
            )
        result = target.clone()
        for name in dict.fromkeys(adapter_names):
            if name in self.intent_bottleneck_down:
                rows = [row for row, row_name in enumerate(adapter_names) if row_name == name]
                result[rows] = target[rows] + self._delta(hidden[rows], name)
        return result

    def _delta(self, hidden: Tensor, adapter_name: str) -> Tensor:
        """What a bottleneck adds: `scaling * up(act(down(hidden)))`, in the type of `hidden`.

        The projections are called, and not only their weights read: FSDP and accelerate fetch the weights of a module
        when it is called.
        """
        down: Any = self.intent_bottleneck_down[adapter_name]
        up = self.intent_bottleneck_up[adapter_name]
        non_linearity, scaling = self.intent_bottleneck_settings[adapter_name]
        inner = NON_LINEARITIES[non_linearity](down(hidden.to(down.weight.dtype)))
        return self.intent_bottleneck_dropout[adapter_name]((up(inner) * scaling).to(hidden.dtype))


class SequentialBottleneck(nn.Module, BottleneckLayer):
    """A Linear followed by bottlenecks: `h + delta(h)` with h the Linear's output.

    Standing directly after the Linear, it has the sub-layer's own dropout behind it, so in training that dropout
    covers the adapter's output too; in eval mode this is exactly "after dropout, before residual and LayerNorm".

    Args:
        base_layer: The Linear.
        width: Its number of output features.
    """

    def __init__(self, base_layer: nn.Module, width: int) -> None:
        super().__init__()
        BottleneckLayer.__init__(self, base_layer, width)

    @property
    def in_features(self) -> int:
        """Of the Linear."""
        linear: Any = self.get_base_layer()
        return int(linear.in_features)

    @property
    def out_features(self) -> int:
        """Of the Linear."""
        linear: Any = self.get_base_layer()
        return int(linear.out_features)

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """Map (batch, ..., in_features) to (batch, ..., width).

        Args:
            x: Input of the Linear.
            *args: Passed on to it.
            **kwargs: Passed on to it.
        """
        hidden = self.base_layer(x, *args, **kwargs)
        return self._adapt(hidden, hidden)


class ParallelBottleneck(nn.Module, BottleneckLayer):
    """Bottlenecks beside a sub-layer: `target + delta(x)` with x the sub-layer's input.

    It replaces the `ParallelSlot` below the site's module, not that module: the names of the modules inside, where
    another adapter may be attached, do not depend on it.

    Args:
        base_layer: The slot.
        width: Number of elements of a hidden state.
    """

    def __init__(self, base_layer: nn.Module, width: int) -> None:
        super().__init__()
        BottleneckLayer.__init__(self, base_layer, width)

    def forward(self, hidden: Tensor, target: Tensor) -> Tensor:
        """Add to `target` what the bottlenecks make of `hidden`.

        Args:
            hidden: Input of the sub-layer, shape (batch, ..., width).
            target: What it is added to, the same shape.
        """
        return self._adapt(hidden, target)
