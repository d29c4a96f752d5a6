"""A base as a folder: read from safetensors and JSON alone, and written so that its agents know it again."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import get_args

import torch
from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from torch import Tensor
from transformers.utils import logging

from intent_adapters.artifacts.base_modules import read_modules
from intent_adapters.artifacts.base_weights import check_weights, read_shapes
from intent_adapters.artifacts.contents import IS_EXPORTED, ONNX_FOLDER, is_exported
from intent_adapters.artifacts.encoder import encoder_of
from intent_adapters.artifacts.fingerprint import fingerprint
from intent_adapters.artifacts.folders import check_target, read_whole, replaced_folder
from intent_adapters.choices import StoredDtype
from intent_adapters.errors import BaseError, ConfigError
from intent_adapters.inputs import check_choice
from intent_adapters.progress_bars import no_bars_in_logs
from intent_adapters.surroundings import own_settings


def read_base(
    folder: Path, name: str | None = None, *, device: str | torch.device | None = None
) -> SentenceTransformer:
    """Read a sentence encoder from safetensors, in float32, and freeze it.

    Args:
        folder: Of a sentence-transformers or transformers encoder.
        name: What it is called in errors: the Hub id that it was fetched by; `None` for the folder.
        device: Where to run; `None` takes the best device that there is.

    Returns:
        The encoder in eval mode, no parameter requiring a gradient.

    Raises:
        BaseError: Nothing loadable there, weights that are not safetensors, or modules that would run foreign code.
    """
    return read_whole(folder, lambda: _read(folder, str(folder) if name is None else name, device))


def _read(folder: Path, name: str, device: str | torch.device | None) -> SentenceTransformer:
    read_modules(folder, name)
    if is_exported(folder):
        raise BaseError(f"{name!r} {IS_EXPORTED}")
    shapes = read_shapes(folder, name)
    try:
        with _no_bars(), own_settings(gradients=True):  # an encoder made in inference mode cannot be trained on
            model = SentenceTransformer(
                str(folder),
                device=None if device is None else str(device),
                local_files_only=True,  # all there is to fetch has been fetched
                trust_remote_code=False,
                # fp16 files are for the disk; CPUs want float32, and fingerprints are taken from it.
                model_kwargs={"use_safetensors": True, "dtype": torch.float32},
            )
        encoder_of(model)
    except BaseError:
        raise
    except Exception as error:  # whatever a damaged or absent model makes the libraries below raise
        raise BaseError(
            f"Cannot load the base {name!r}: {str(error).rstrip('.')}. Give the Hub id or the folder of a "
            "sentence-transformers model with safetensors weights."
        ) from error
    check_weights(model, shapes, name)
    return model.eval().requires_grad_(False)


def _no_bars() -> AbstractContextManager[None]:
    of_hub = are_progress_bars_disabled()

    def enable() -> None:
        logging.enable_progress_bar()  # which also shows the bars of the Hub's client
        if of_hub:
            disable_progress_bars()

    return no_bars_in_logs(logging.disable_progress_bar, enable, shown=logging.is_progress_bar_enabled())


def check_base_folder(folder: Path) -> None:
    """See whether a base may be saved to a folder: it is not there, or empty, or holds a model already.

    Raises:
        BaseError: It is a file or a link, or holds other things.
    """
    check_target(folder, "save a base", BaseError, (folder / "config.json").exists())


def save_base(model: SentenceTransformer, folder: str | Path, *, dtype: StoredDtype = "auto") -> str:
    """Write a base as an ordinary sentence-transformers folder, atomically.

    Half precision is for the disk alone: the folder's config says float32, and that is what every loader computes in.
    The folder is loaded again before it takes its place, so that the agents of this base are sure to know it.

    Args:
        model: The base.
        folder: Created, or replaced if it holds a model already; a README.md in it is kept, graphs for ONNX
            Runtime are not: they were made from the former weights.
        dtype: How the weights are stored. `"auto"`: float16 if no weight loses anything by it, else float32.

    Returns:
        The fingerprint of the saved base, which is that of `model`.

    Raises:
        ConfigError: `dtype` is unknown, or float16 would change weights.
        BaseError: The folder holds other things, or what was written does not load as the same base.
    """
    check_choice("dtype", dtype, get_args(StoredDtype))
    folder = Path(folder)
    check_base_folder(folder)
    expected = fingerprint(model)
    with replaced_folder(folder, without=[ONNX_FOLDER]) as staging:
        with _no_bars():
            model.save_pretrained(str(staging), create_model_card=False, safe_serialization=True)
        if dtype != "float32":
            _halve(staging, strict=dtype == "float16")
        found = fingerprint(read_base(staging, device="cpu"))
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
