"""The classification heads, and the layer that holds one per adapter on the root of the encoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import Tensor, nn
from torch.nn import functional as F

from intent_adapters.bottleneck.config import BottleneckConfig
from intent_adapters.bottleneck.functional import cosine_logits, linear_logits, normalized_linear_logits
from intent_adapters.bottleneck.layer import IntentTunerLayer
from intent_adapters.bottleneck.tagger import Tagger
from intent_adapters.errors import AdapterError, ConfigError


class CosineHead(nn.Module):
    """Logits are a learnable scale times the cosine of the embedding with one vector per class.

    Args:
        dim: Dimension of the embeddings.
        num_labels: Number of classes.
        scale: Initial scale; what the `scale` parameter holds, here and when saved, is the scale itself.

    Attributes:
        weight: Class vectors, shape (num_labels, dim), not necessarily normalised.
        scale: Shape (1,).
    """

    def __init__(self, dim: int, num_labels: int, scale: float) -> None:
        super().__init__()
        self.initial_scale = scale
        self.weight = nn.Parameter(F.normalize(torch.randn(num_labels, dim), dim=-1))
        self.scale = nn.Parameter(torch.full((1,), scale))

    def forward(self, embeddings: Tensor) -> Tensor:
        """Map embeddings (batch, dim) to logits (batch, num_labels)."""
        return cosine_logits(embeddings, self.weight, self.scale)

    @torch.no_grad()
    def imprint(self, class_means: Tensor) -> None:
        """Start as the nearest class mean by cosine (Qi et al., 2018): each class vector is its mean, normalised."""
        self.weight.copy_(F.normalize(class_means.to(self.weight), dim=-1))
        self.scale.fill_(self.initial_scale)


class LinearHead(nn.Module):
    """Logits are an affine map of the embedding.

    Args:
        dim: Dimension of the embeddings.
        num_labels: Number of classes.
        scale: Factor on the logits of an imprinted head.

    Attributes:
        weight: Shape (num_labels, dim).
        bias: Shape (num_labels,).
    """

    def __init__(self, dim: int, num_labels: int, scale: float) -> None:
        super().__init__()
        self.initial_scale = scale
        self.weight = nn.Parameter(torch.randn(num_labels, dim) * 0.02)
        self.bias = nn.Parameter(torch.zeros(num_labels))

    def forward(self, embeddings: Tensor) -> Tensor:
        """Map embeddings (batch, dim) to logits (batch, num_labels)."""
        return linear_logits(embeddings, self.weight, self.bias)

    @torch.no_grad()
    def imprint(self, class_means: Tensor) -> None:
        """Start as the nearest class mean: `-scale/2 * ||e - m||^2`, up to a term that all classes share."""
        means = class_means.to(self.weight)
        self.weight.copy_(self.initial_scale * means)
        self.bias.copy_(-0.5 * self.initial_scale * means.square().sum(dim=-1))


class NormalizedLinearHead(LinearHead):
    """Logits are an affine map of the embedding scaled to length 1; see `LinearHead`."""

    def forward(self, embeddings: Tensor) -> Tensor:
        """Map embeddings (batch, dim) to logits (batch, num_labels)."""
        return normalized_linear_logits(embeddings, self.weight, self.bias)

    @torch.no_grad()
    def imprint(self, class_means: Tensor) -> None:
        """Start as the nearest class mean by cosine: each class vector is its mean, scaled to the initial scale."""
        self.weight.copy_(self.initial_scale * F.normalize(class_means.to(self.weight), dim=-1))
        self.bias.zero_()


HEADS: dict[str, type[CosineHead | LinearHead]] = {
    "cosine": CosineHead,
    "linear": LinearHead,
    "normalized_linear": NormalizedLinearHead,
}
"""The kinds of head, by the name that `BottleneckConfig.head` takes."""


class IntentHead(nn.Module, IntentTunerLayer):
    """The heads of all adapters, each with its own labels, on the root of the encoder.

    It is a tuner layer so that PEFT, transformers and sentence-transformers save, load, switch and delete heads
    together with the bottlenecks of the same name. The encoder's forward does not call it: sentence embeddings exist
    only after pooling, so whoever has them calls the head.

    Args:
        base_layer: The placeholder that it replaces.

    Attributes:
        intent_bottleneck_head: Adapter name -> `CosineHead` or `LinearHead`.
        intent_bottleneck_tagger: Adapter name -> `Tagger`, of those that mark entities.
    """

    adapter_layer_names = ("intent_bottleneck_head", "intent_bottleneck_tagger")
    other_param_names = ("intent_labels",)

    def __init__(self, base_layer: nn.Module) -> None:
        super().__init__()
        self.base_layer = base_layer
        self.intent_bottleneck_head = nn.ModuleDict()
        self.intent_bottleneck_tagger = nn.ModuleDict()
        self.intent_labels: dict[str, list[str]] = {}
        self._disable_adapters = False
        self.merged_adapters: list[str] = []

    def update_layer(
        self, adapter_name: str, config: BottleneckConfig, dim: int, device: torch.device, dtype: torch.dtype
    ) -> None:
        """Add the head of an adapter, or put a fresh one in its place.

        Args:
            adapter_name: Its name.
            config: Its settings, with labels.
            dim: Dimension of the embeddings.
            device: Where the encoder's weights are.
            dtype: Their type.
        """
        labels = list(config.labels or ())
        head = HEADS[config.head](dim, len(labels), config.initial_head_scale)
        self.intent_bottleneck_head[adapter_name] = self._place(head, device, dtype)
        if adapter_name in self.intent_bottleneck_tagger:
            del self.intent_bottleneck_tagger[adapter_name]
        if config.tagger:
            self.intent_bottleneck_tagger[adapter_name] = self._place(Tagger(config.tagger), device, dtype)
        self.intent_labels[adapter_name] = labels
        self.set_adapter(self.active_adapters, inference_mode=config.inference_mode)

    def forward(self, embeddings: Tensor, adapter_names: Sequence[str] | None = None) -> Tensor:
        """Compute the logits of the active adapter, or of one adapter per row.

        Args:
            embeddings: Sentence embeddings, shape (batch, dim).
            adapter_names: One adapter name per row. Default: the active adapter for all rows.

        Returns:
            Logits, shape (batch, classes); with `adapter_names`, classes is the largest number of labels among the
            adapters named, and the places beyond an adapter's own labels are -inf.

        Raises:
            AdapterError: A named adapter, or the active one, has no head; or adapters are disabled.
            ConfigError: `embeddings` or `adapter_names` does not fit.
        """
        if embeddings.ndim != 2:
            raise ConfigError(f"embeddings must have the shape (batch, dim), got {tuple(embeddings.shape)}")
        if adapter_names is None:
            return self._logits(embeddings, self._active())
        if isinstance(adapter_names, str) or len(adapter_names) != len(embeddings) or not adapter_names:
            raise ConfigError(
                f"adapter_names must list one adapter for each of the {len(embeddings)} rows, got {adapter_names!r}"
            )
        width = max(len(self.labels(name)) for name in dict.fromkeys(adapter_names))
        result: Tensor | None = None
        for name in dict.fromkeys(adapter_names):
            rows = [row for row, row_name in enumerate(adapter_names) if row_name == name]
            logits = self._logits(embeddings[rows], name)
            if result is None:
                result = logits.new_full((len(embeddings), width), -torch.inf)
            result[rows, : logits.shape[1]] = logits.to(result.dtype)
        assert result is not None
        return result

    def labels(self, adapter_name: str | None = None) -> list[str]:
        """The label names of an adapter, in the order of its logits.

        Args:
            adapter_name: Default: the active adapter.

        Returns:
            A list of its own.

        Raises:
            AdapterError: It has no head here.
        """
        name = self._active() if adapter_name is None else adapter_name
        self._head(name)
        return list(self.intent_labels[name])

    def imprint(self, adapter_name: str, class_means: Tensor) -> None:
        """Initialise a head from the mean embedding of each class, so that it starts as the nearest class mean.

        Args:
            adapter_name: Whose head.
            class_means: Shape (classes, dim), rows in the order of the labels.

        Raises:
            AdapterError: The adapter has no head here, or its weights are elsewhere (meta tensors).
            ConfigError: The shape is wrong, or a value is NaN or infinite.
        """
        head = self._head(adapter_name)
        if head.weight.is_meta:
            raise AdapterError(f"the weights of {adapter_name!r} are offloaded; imprint its head before that")
        if class_means.shape != head.weight.shape or not torch.isfinite(class_means).all():
            raise ConfigError(
                f"class_means for {adapter_name!r} must be finite and have the shape {tuple(head.weight.shape)} "
                f"(labels, embedding_dim), got {tuple(class_means.shape)}"
            )
        head.imprint(class_means)

    def _active(self) -> str:
        if self.disable_adapters:
            raise AdapterError("adapters are disabled, and a head belongs to its adapter; enable adapters first")
        if len(self.active_adapters) != 1:
            raise AdapterError(
                f"exactly one adapter must be active to choose its head, active are {self.active_adapters}; "
                "use set_adapter with one name, or pass adapter_names"
            )
        return str(self.active_adapters[0])

    def _head(self, adapter_name: str) -> Any:
        """A `CosineHead` or a `LinearHead`, which FSDP may have wrapped."""
        if adapter_name not in self.intent_labels:
            known = ", ".join(map(repr, self.intent_labels)) or "none"
            raise AdapterError(
                f"no head for the adapter {adapter_name!r}; adapters with a head: {known}. "
                "An adapter has a head if its BottleneckConfig has labels"
            )
        return self.intent_bottleneck_head[adapter_name]

    def _logits(self, embeddings: Tensor, adapter_name: str) -> Tensor:
        head = self._head(adapter_name)
        if embeddings.shape[1] != head.weight.shape[1]:
            raise ConfigError(
                f"the head of {adapter_name!r} reads embeddings of dimension {head.weight.shape[1]}, got "
                f"{embeddings.shape[1]}; set embedding_dim in its BottleneckConfig"
            )
        # In half precision a cosine times a scale of 20 would be off by a tenth.
        with torch.autocast(embeddings.device.type, enabled=False):
            logits: Tensor = head(embeddings)
        return logits


def find_head(module: nn.Module) -> IntentHead:
    """Locate the `IntentHead` below any module: an encoder, a PeftModel, a SentenceTransformer.

    Args:
        module: What an adapter with labels was added to.

    Returns:
        The head, with the heads of all adapters in it.

    Raises:
        AdapterError: There is none, or more than one.
    """
    heads = [child for child in module.modules() if isinstance(child, IntentHead)]
    if not heads:
        has_adapter = any(isinstance(child, BaseTunerLayer) for child in module.modules())
        reason = "its adapters have no labels" if has_adapter else "no adapter with labels was added to it"
        raise AdapterError(
            f"this {type(module).__name__} has no intent head: {reason}; "
            "add an adapter with BottleneckConfig(labels=[...])"
        )
    if len(heads) > 1:
        raise AdapterError(
            f"this {type(module).__name__} has {len(heads)} intent heads; pass the encoder that is meant"
        )
    return heads[0]
