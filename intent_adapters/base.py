"""The base: one frozen sentence encoder that every agent stands on; loading, copying and recognising it."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import torch
from peft.utils import CONFIG_NAME
from sentence_transformers import SentenceTransformer
from torch import nn
from transformers import PreTrainedModel

from intent_adapters.artifacts.folders import read_whole
from intent_adapters.base_files import check_weights, read_shapes
from intent_adapters.errors import BaseError
from intent_adapters.hub.fetching import HubOptions, fetch_base
from intent_adapters.surroundings import own_settings

SAFE_MODULES = frozenset({"Transformer", "Pooling", "Normalize", "Dense"})
# What a tokenizer does is part of the base. Its files change with every release of the libraries that write them, so
# we look at what it makes of these texts (and at its vocabulary) instead.
PROBE_TEXTS = (
    "The quick brown fox doesn't jump over 13 lazy dogs!",
    "내일 오전 10시 진료 예약을 취소하고 싶어요.",
    "Ünïcödé, ＦＵＬＬ　ＷＩＤＴＨ, ㅋㅋㅋ ㅠㅠ 🙂\tTAB",
)


def load_base(
    base: str | Path, *, device: str | torch.device | None = None, **hub: Unpack[HubOptions]
) -> SentenceTransformer:
    """Load a sentence encoder from safetensors, in float32, and freeze it.

    Args:
        base: Hub id or local folder of a sentence-transformers or transformers encoder.
        device: Where to run; `None` takes the best device that there is.
        **hub: See `HubOptions`.

    Returns:
        The encoder in eval mode, no parameter requiring a gradient.

    Raises:
        BaseError: Nothing loadable there, weights that are not safetensors, or modules that would run foreign code.
    """
    return open_base(fetch_base(base, **hub).folder, str(base), device=device)


def open_base(folder: Path, name: str, *, device: str | torch.device | None = None) -> SentenceTransformer:
    """Load a base that is on this machine; see `load_base`.

    Args:
        folder: Where it is.
        name: What it is called in errors: the Hub id that it was fetched by, or the folder.
        device: Where to run; `None` takes the best device that there is.

    Returns:
        The encoder in eval mode, no parameter requiring a gradient.

    Raises:
        BaseError: Nothing loadable there, weights that are not safetensors, or modules that would run foreign code.
    """
    return read_whole(folder, lambda: _read_base(folder, name, device))


def _read_base(folder: Path, name: str, device: str | torch.device | None) -> SentenceTransformer:
    _refuse_foreign_modules(folder, name)
    shapes = read_shapes(folder, name)
    try:
        with own_settings(gradients=True):  # an encoder made in inference mode cannot be trained on
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
            f"Cannot load the base {name!r}: {error}. Give the Hub id or the folder of a sentence-transformers "
            "model with safetensors weights."
        ) from error
    check_weights(model, shapes, name)
    return model.eval().requires_grad_(False)


def encoder_of(model: SentenceTransformer) -> PreTrainedModel:
    """The transformers model inside a sentence-transformers model.

    Raises:
        BaseError: The first module is no Transformer.
    """
    encoder = getattr(model[0], "model", None)
    if not isinstance(encoder, PreTrainedModel):
        raise BaseError(f"The base must start with a Transformer module, not with {type(model[0]).__name__}.")
    return encoder


def structural_copy(model: SentenceTransformer) -> SentenceTransformer:
    """Copy the module tree, share every tensor: milliseconds and kilobytes instead of a second base.

    The copy can be given adapters, hooks or another mode, or be moved to another device, without any trace on the
    original. Its parameters are frozen views of the original's storage: train what is added to it, never them.
    """
    memo: dict[int, Any] = {id(p): nn.Parameter(p.detach(), requires_grad=False) for p in model.parameters()}
    memo |= {id(b): b for b in model.buffers()}
    return copy.deepcopy(model, memo)


def fingerprint(model: SentenceTransformer) -> str:
    """Recognise a base: SHA-256 over its weights, shape, pooling and what its tokenizer does.

    Names of parameters and files play no part, they differ between library versions; nor does the pooler, which
    sentence encoders do not use.

    Returns:
        64 hexadecimal digits.
    """
    config = encoder_of(model).config
    facts = {
        "architecture": [
            config.model_type,
            *(getattr(config, key, None) for key in ("hidden_size", "num_hidden_layers", "num_attention_heads")),
            str(getattr(config, "hidden_act", None) or getattr(config, "activation", None)),
        ],
        "modules": [_describe_module(module) for module in model],
        "vocabulary": hashlib.sha256(json.dumps(sorted(model.tokenizer.get_vocab().items())).encode()).hexdigest(),
        "tokens": [model.tokenizer(text)["input_ids"] for text in PROBE_TEXTS],
        "weights": sorted(_weight_digests(model)),
    }
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _describe_module(module: nn.Module) -> list[str]:
    return [type(module).__name__, str(getattr(module, "pooling_mode", None) or "")]


def _weight_digests(model: nn.Module) -> Iterator[str]:
    for name, parameter in model.named_parameters():
        if "pooler" not in name:
            values = np.ascontiguousarray(parameter.detach().to("cpu", torch.float32).numpy())
            yield f"{list(values.shape)} {hashlib.sha256(values.data).hexdigest()}"


def _refuse_foreign_modules(folder: Path, base: str) -> None:
    """Let modules.json name classes of sentence-transformers only: it can name any importable class otherwise."""
    if (folder / CONFIG_NAME).exists():  # transformers would load the base that this names, from wherever it says
        raise BaseError(f"{base!r} is an adapter, no base: pass it as `adapter=`, and its base is found by itself.")
    path = folder / "modules.json"
    if not path.is_file():
        return  # a plain transformers model: mean pooling is added on loading
    try:
        modules = json.loads(path.read_text(encoding="utf-8"))
        places = [(str(module["type"]), str(module["path"])) for module in modules]
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise BaseError(f"modules.json of the base {base!r} cannot be read: {error}") from error
    for name, place in places:
        if not name.startswith("sentence_transformers.") or name.rpartition(".")[2] not in SAFE_MODULES:
            raise BaseError(
                f"The base {base!r} asks for the module {name!r}. Only {', '.join(sorted(SAFE_MODULES))} of "
                "sentence-transformers are loaded, so that no foreign code can run."
            )
        if not (folder / place).resolve().is_relative_to(folder.resolve()):
            raise BaseError(f"modules.json of the base {base!r} points out of its folder, to {place!r}.")
