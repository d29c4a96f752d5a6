"""An adapter at rest: a config and named tensors, read from and written to an ordinary PEFT adapter folder."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft.utils import CONFIG_NAME, SAFETENSORS_WEIGHTS_NAME
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from transformers import PreTrainedModel

from intent_adapters.bottleneck import INTENT_BOTTLENECK, BottleneckConfig, SiteKind, find_sites, tensor_prefix
from intent_adapters.bottleneck.sites import embedding_dim, site_width
from intent_adapters.bottleneck.slots import HEAD_SLOT
from intent_adapters.errors import AdapterError, ConfigError
from intent_adapters.runtime.files import replaced_folder

# PEFT writes every tensor name below this prefix.
PREFIX = "base_model.model."
DIGEST_KEY = "intent_adapters_digest"
MAX_CONFIG_BYTES = 32 * 2**20
MAX_WEIGHTS_BYTES = 2**30
DTYPES = {"F32", "F16", "BF16"}
HEAD = f"{HEAD_SLOT}.intent_bottleneck_head"


def site_tensors(path: str, kind: SiteKind) -> list[str]:
    """The names of a bottleneck's tensors: down weight, down bias, up weight, up bias."""
    prefix = f"{tensor_prefix(path, kind)}.intent_bottleneck_"
    return [prefix + name for name in ("down.weight", "down.bias", "up.weight", "up.bias")]


def expected_shapes(encoder: PreTrainedModel, config: BottleneckConfig) -> dict[str, tuple[int, ...]]:
    """The name and the shape of every tensor that an adapter of this config has on this encoder.

    Args:
        encoder: The base's transformers model.
        config: Its sites, sizes and labels count.

    Returns:
        Shapes by name, without the `base_model.model.` prefix.

    Raises:
        ConfigError: The config's sites are not on this encoder.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for path, kind in find_sites(encoder, config).items():
        width = site_width(encoder, path, kind)
        size = config.size_for(width)
        shapes |= zip(site_tensors(path, kind), [(size, width), (size,), (width, size), (width,)], strict=True)
    if config.labels:
        shapes[f"{HEAD}.weight"] = (len(config.labels), embedding_dim(encoder, config))
        shapes |= {f"{HEAD}.scale": (1,)} if config.head == "cosine" else {f"{HEAD}.bias": (len(config.labels),)}
    return shapes


@dataclass(frozen=True)
class Adapter:
    """One agent's trained part: what differs between it and the base.

    Attributes:
        config: Sites, sizes, labels, prompt, threshold.
        tensors: The weights by name, as PEFT saves them, less the `base_model.model.` prefix; float32 on the CPU.
    """

    config: BottleneckConfig
    tensors: Mapping[str, Tensor]

    @property
    def labels(self) -> list[str]:
        """The intents, in the order of the head's rows."""
        return list(self.config.labels or ())

    @property
    def num_parameters(self) -> int:
        """How many numbers the adapter holds, head included."""
        return sum(tensor.numel() for tensor in self.tensors.values())

    def check_fits(self, encoder: PreTrainedModel) -> None:
        """Compare names and shapes of all tensors with what the config asks for on this encoder.

        Args:
            encoder: The base's transformers model.

        Raises:
            AdapterError: A tensor is missing, unexpected or of another shape.
        """
        try:
            expected = expected_shapes(encoder, self.config)
        except ConfigError as error:
            raise AdapterError(f"The adapter's config does not fit this base: {error}") from error
        found = {name: tuple(tensor.shape) for name, tensor in self.tensors.items()}
        for what, names in (
            ("lacks", expected.keys() - found.keys()),
            ("has unknown", found.keys() - expected.keys()),
        ):
            if names:
                raise AdapterError(
                    f"The adapter {what} {len(names)} tensor(s), the first is {min(names)!r}. Its {CONFIG_NAME} and "
                    f"{SAFETENSORS_WEIGHTS_NAME} do not belong together, or the base is of another architecture."
                )
        for name, shape in expected.items():
            if found[name] != shape:
                raise AdapterError(
                    f"Tensor {name!r} of the adapter has shape {found[name]}, but its config and this base ask for "
                    f"{shape}. Its {CONFIG_NAME} and {SAFETENSORS_WEIGHTS_NAME} do not belong together."
                )

    @classmethod
    def read(cls, folder: str | Path) -> Adapter:
        """Read an adapter folder: JSON and safetensors, nothing else, every byte checked that can be.

        Args:
            folder: Holds `adapter_config.json` and `adapter_model.safetensors`.

        Returns:
            The adapter; whether it fits a base is for `check_fits`.

        Raises:
            AdapterError: A file is missing, damaged, oversized, of another kind, or does not belong to the other one.
        """
        folder = Path(folder)
        config = _read_config(folder)
        tensors, digest = _read_tensors(folder)
        adapter = cls(config, tensors)
        # Written by plain PEFT an adapter has no digest; everything else about it is checked all the same.
        if digest is not None and digest != adapter._digest():
            raise AdapterError(
                f"The adapter in {str(folder)!r} is damaged: its weights and labels are not the ones that were saved "
                "(digest mismatch). Get it again from where it came from."
            )
        return adapter

    def write(self, folder: str | Path) -> None:
        """Write the adapter folder, atomically: a killed process leaves the old adapter or this one.

        Args:
            folder: Created, or replaced if it already holds an adapter; other files in it (README.md) are kept.

        Raises:
            AdapterError: `folder` is a file, or a folder with other things than an adapter in it.
        """
        folder = Path(folder)
        if folder.is_symlink() or folder.is_file():
            raise AdapterError(f"Cannot save an adapter to {str(folder)!r}: it is a file or a link. Name a folder.")
        if folder.is_dir() and not (folder / CONFIG_NAME).exists() and any(folder.iterdir()):
            raise AdapterError(
                f"Cannot save an adapter to {str(folder)!r}: the folder holds other things. Name a new folder."
            )
        tensors = {PREFIX + name: tensor.contiguous() for name, tensor in self.tensors.items()}
        with replaced_folder(folder) as staging:
            save_file(tensors, staging / SAFETENSORS_WEIGHTS_NAME, {"format": "pt", DIGEST_KEY: self._digest()})
            self.config.save_pretrained(str(staging))

    def _digest(self) -> str:
        """SHA-256 over the weights and what gives them their meaning: it ties the two files together, to the bit.

        The threshold and the temperature are left out: they may be set by hand.
        """
        config = self.config
        meaning = [self.labels, config.non_linearity, config.scaling, config.prompt]
        digest = hashlib.sha256(json.dumps(meaning).encode())
        for name, tensor in sorted(self.tensors.items()):
            digest.update(f"{name} {list(tensor.shape)}".encode())
            digest.update(np.ascontiguousarray(tensor.float().numpy()).data)
        return digest.hexdigest()


def _read_config(folder: Path) -> BottleneckConfig:
    path = folder / CONFIG_NAME
    _check_file(path, MAX_CONFIG_BYTES)
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise AdapterError(f"{str(path)!r} is not JSON: {error}. Get the adapter again.") from error
    if not isinstance(values, dict) or values.get("peft_type") != INTENT_BOTTLENECK:
        kind = values.get("peft_type") if isinstance(values, dict) else type(values).__name__
        raise AdapterError(
            f"{str(path)!r} describes an adapter of type {kind!r}; only {INTENT_BOTTLENECK.value} "
            "adapters answer intents. Load other kinds with PEFT itself."
        )
    try:
        config = BottleneckConfig.from_pretrained(str(folder))
    except (ConfigError, TypeError, ValueError) as error:
        raise AdapterError(f"{str(path)!r} has a setting that makes no sense: {error}") from error
    if not config.labels:
        raise AdapterError(f"{str(path)!r} names no labels: the adapter has no classification head and cannot answer.")
    return config


def _read_tensors(folder: Path) -> tuple[dict[str, Tensor], str | None]:
    path = folder / SAFETENSORS_WEIGHTS_NAME
    if not path.exists() and (folder / "adapter_model.bin").exists():
        raise AdapterError(
            f"{str(folder)!r} holds a pickle, adapter_model.bin, which can run code when it is opened and is never "
            f"read. Save the adapter as {SAFETENSORS_WEIGHTS_NAME} (the default of PEFT)."
        )
    _check_file(path, MAX_WEIGHTS_BYTES)
    tensors: dict[str, Tensor] = {}
    try:
        with safe_open(path, framework="pt") as file:
            metadata: dict[str, Any] = file.metadata() or {}
            for key in file.keys():  # noqa: SIM118 - not a dict
                dtype = file.get_slice(key).get_dtype()
                if dtype not in DTYPES:
                    raise AdapterError(f"Tensor {key!r} in {str(path)!r} is of type {dtype}, not a float.")
                tensors[key.removeprefix(PREFIX)] = file.get_tensor(key).to(torch.float32)
    except (SafetensorError, OSError, ValueError) as error:
        raise AdapterError(
            f"{str(path)!r} is damaged or no safetensors file: {error}. Get the adapter again."
        ) from error
    for name, tensor in tensors.items():
        if not bool(torch.isfinite(tensor).all()):
            raise AdapterError(
                f"Tensor {name!r} in {str(path)!r} holds infinite values or NaN. Get the adapter again."
            )
    return tensors, metadata.get(DIGEST_KEY)


def _check_file(path: Path, max_bytes: int) -> None:
    if not path.is_file():
        raise AdapterError(f"No {path.name} in {str(path.parent)!r}: that is no adapter folder.")
    size = os.stat(path).st_size
    if size > max_bytes:
        raise AdapterError(f"{str(path)!r} has {size} bytes, more than the {max_bytes} that an adapter can need.")
