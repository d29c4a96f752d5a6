"""A base as a folder: what plain sentence-transformers loads, and exactly the base that agents were trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

import torch
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from torch import Tensor

from intent_adapters.artifacts.folders import replaced_folder
from intent_adapters.base import fingerprint, load_base
from intent_adapters.errors import BaseError, ConfigError

StoredDtype = Literal["auto", "float16", "float32"]


def save_base(model: SentenceTransformer, folder: str | Path, *, dtype: StoredDtype = "auto") -> str:
    """Write a base as an ordinary sentence-transformers folder, atomically.

    Half precision is for the disk alone: the folder's config says float32, and that is what every loader computes in.
    The folder is loaded again before it takes its place, so that the agents of this base are sure to know it.

    Args:
        model: The base.
        folder: Created, or replaced if it holds a model already; a README.md in it is kept.
        dtype: How the weights are stored. `"auto"`: float16 if no weight loses anything by it, else float32.

    Returns:
        The fingerprint of the saved base, which is that of `model`.

    Raises:
        ConfigError: `dtype` is unknown, or float16 would change weights.
        BaseError: The folder holds other things, or what was written does not load as the same base.
    """
    if dtype not in get_args(StoredDtype):
        raise ConfigError(f"dtype must be one of {', '.join(get_args(StoredDtype))}, not {dtype!r}.")
    folder = Path(folder)
    if folder.is_symlink() or folder.is_file():
        raise BaseError(f"Cannot save a base to {str(folder)!r}: it is a file or a link. Name a folder.")
    if folder.is_dir() and not (folder / "config.json").exists() and any(folder.iterdir()):
        raise BaseError(f"Cannot save a base to {str(folder)!r}: the folder holds other things. Name a new folder.")
    expected = fingerprint(model)
    with replaced_folder(folder) as staging:
        model.save_pretrained(str(staging), create_model_card=False, safe_serialization=True)
        if dtype != "float32":
            _halve(staging, strict=dtype == "float16")
        found = fingerprint(load_base(staging, device="cpu"))
        if found != expected:
            raise BaseError(
                f"The base does not survive being saved: its fingerprint was {expected[:12]}, and it is {found[:12]} "
                "when loaded again. Agents trained on it would be refused; nothing was written."
            )
    return expected


def _halve(folder: Path, *, strict: bool) -> None:
    """Stores the weights as float16 where that is exact for all of them."""
    files = {path: load_file(path) for path in sorted(folder.rglob("*.safetensors"))}
    for path, tensors in files.items():
        for name, tensor in tensors.items():
            if _is_exact_in_half(tensor):
                continue
            if not strict:
                return
            raise ConfigError(
                f"float16 would change weights of {name!r} ({path.name}), and agents trained on this base would not "
                'know it any more. Save it with dtype="float32", or round the base (`base.half().float()`) before '
                "agents are trained on it."
            )
    for path, tensors in files.items():
        halved = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
        save_file(halved, path, {"format": "pt"})


def _is_exact_in_half(tensor: Tensor) -> bool:
    return not tensor.is_floating_point() or torch.equal(tensor.half().to(tensor.dtype), tensor)
