"""A base as its files describe it, read without PyTorch: configs, modules, tokenizer and weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from intent_adapters.architectures import ARCHITECTURES, Architecture, GraphNames
from intent_adapters.artifacts.base_modules import read_module, read_modules
from intent_adapters.artifacts.base_weights import Array, read_json
from intent_adapters.artifacts.contents import IS_EXPORTED, is_exported
from intent_adapters.artifacts.fingerprint import PROBE_TEXTS, Features, fingerprint
from intent_adapters.artifacts.folders import read_whole
from intent_adapters.errors import BaseError
from intent_adapters.extras import is_installed

# Settings of a Transformer module that change what its tokenizer or its encoder does.
UNREAD_SETTINGS = (
    "do_lower_case",
    "processing_kwargs",
    *(f"{what}_{ending}" for what in ("model", "config", "tokenizer", "processor") for ending in ("args", "kwargs")),
)


@dataclass(frozen=True)
class EncoderConfig:
    """What config.json says of the shape of an encoder, in one set of names."""

    model_type: str
    width: int
    layers: int
    heads: int
    activation: str
    epsilon: float
    positions: int
    padding: int
    position_buckets: int
    has_projection: bool

    @classmethod
    def read(cls, values: dict[str, Any], graph: GraphNames) -> EncoderConfig:
        """From config.json; what it leaves out has the default of transformers.

        Raises:
            ValueError: It lacks a size.
        """
        width = _size(values, "hidden_size", "dim")
        return cls(
            model_type=str(values["model_type"]),
            width=width,
            layers=_size(values, "num_hidden_layers", "n_layers"),
            heads=_size(values, "num_attention_heads", "n_heads"),
            activation=str(values.get("hidden_act") or values.get("activation") or "gelu"),
            epsilon=float(values.get("layer_norm_eps", 1e-12)),
            positions=_size(values, "max_position_embeddings"),
            padding=int(values.get("pad_token_id", 1)) if graph.padding is None else graph.padding,
            position_buckets=int(values.get("relative_attention_num_buckets", 32)),
            has_projection=values.get("embedding_size", width) != width,
        )


class BaseFiles:
    """A sentence-transformers folder whose encoder can be exported. Weights are read when they are asked for.

    Args:
        folder: Where it is.
        name: What errors call it.

    Attributes:
        config: The shape of the encoder.
        architecture: The names of its modules.
        graph: What writing its graph takes besides.
        modules: Of sentence-transformers, the encoder's first.
        tokenizer: Neither pads nor truncates.
        max_tokens: Where texts are cut.

    Raises:
        BaseError: Something is damaged or missing, of another architecture, or such that only sentence-transformers
            knows what it means.
    """

    def __init__(self, folder: Path, name: str) -> None:
        if is_exported(folder):
            raise BaseError(f"{name!r} {IS_EXPORTED}")
        entries = read_modules(folder, name)
        if not entries or entries[0] != ("Transformer", ""):
            raise _unread(name, "it has no modules.json that begins with a Transformer in the folder itself")
        values = read_json(folder / "config.json", name)
        self.architecture, self.graph = exportable(values)
        if values.get("is_decoder") or values.get("position_embedding_type") not in (None, "absolute"):
            raise BaseError(f"The encoder of {name!r} is a decoder or has relative positions, and is not exported.")
        try:
            self.config = EncoderConfig.read(values, self.graph)
        except (KeyError, ValueError, TypeError) as error:
            raise _unread(name, f"its config.json lacks {error}") from error
        self.modules = tuple(read_module(folder, *entry, name) for entry in entries)
        self.weights = self.modules[0].weights
        self._name = name
        self._check_weights()
        self.tokenizer, self.max_tokens = self._read_tokenizer(folder)

    @cached_property
    def fingerprint(self) -> str:
        """That of the base in memory; see `fingerprint`."""
        config = self.config
        return Features(
            [config.model_type, config.width, config.layers, config.heads, config.activation],
            [[module.kind, module.pooling_mode] for module in self.modules],
            self.tokenizer.get_vocab(with_added_tokens=True),
            [self.tokenizer.encode(text).ids for text in PROBE_TEXTS],
            self._finite_weights(),
        ).fingerprint()

    def _finite_weights(self) -> Iterator[Array]:
        parts = [(self.weights, name) for name in self._tensor_names()]
        parts += [(module.weights, name) for module in self.modules[1:] for name in module.weights.names]
        for weights, name in parts:
            array = weights[name]
            if not np.isfinite(array).all():
                raise BaseError(f"The weights {name!r} of the base {self._name!r} hold infinite values or NaN.")
            yield array

    def _tensor_names(self) -> Iterator[str]:
        """All tensors of the encoder but the pooler's."""
        known, graph = self.architecture, self.graph
        tables = ["word_embeddings", "position_embeddings", *(["token_type_embeddings"] if graph.token_types else [])]
        yield from (f"embeddings.{table}.weight" for table in tables)
        if graph.relative_positions:
            yield "encoder.relative_attention_bias.weight"
        modules = ["embeddings.LayerNorm", *(["embeddings_project"] if self.config.has_projection else [])]
        parts = (*known.projections, known.attended, graph.attended_norm, graph.inner, known.outer, graph.outer_norm)
        layers = (layer + part for layer in known.layer_names(self.config.layers) for part in parts)
        yield from (f"{module}.{kind}" for module in chain(modules, layers) for kind in ("weight", "bias"))

    def _check_weights(self) -> None:
        missing = next((name for name in self._tensor_names() if name not in self.weights.names), None)
        if missing:
            raise _unread(self._name, f"its files have no tensor {missing!r}")
        needed = set(self._tensor_names())
        within = ("embeddings.", f"{self.architecture.layers}.")
        more = [name for name in self.weights.names - needed if name.startswith(within) and "position_ids" not in name]
        if more:
            raise _unread(self._name, f"its encoder has the tensor {min(more)!r}, which is none that we know")

    def _read_tokenizer(self, folder: Path) -> tuple[Tokenizer, int]:
        name = self._name
        module, settings = self.modules[0].config, read_json(folder / "tokenizer_config.json", name, {})
        if unread := [key for key in UNREAD_SETTINGS if module.get(key)]:
            raise _unread(name, f"its module sets {unread[0]}")
        if settings.get("padding_side", "right") != "right":
            raise BaseError("Only bases with a fast tokenizer that pads on the right can be exported to ONNX.")
        if not (folder / "tokenizer.json").is_file():
            raise _unread(name, "it has no tokenizer.json")
        try:
            tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:  # the library has no class of its own for what it cannot read
            raise BaseError(f"The tokenizer of the base {name!r} cannot be loaded: {error}") from error
        side = (tokenizer.truncation or {}).get("direction", "right")
        if settings.get("truncation_side", side) != side:
            raise _unread(name, f"its tokenizer_config.json cuts texts on the {settings['truncation_side']}")
        special = [value for key, value in settings.items() if key.endswith("_token") and value]
        texts = {str(token.get("content") if isinstance(token, dict) else token) for token in special}
        if unknown := sorted(text for text in texts if tokenizer.token_to_id(text) is None):
            raise _unread(name, f"its tokenizer.json does not know the token {unknown[0]!r}")
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer, self._max_tokens(module.get("max_seq_length"), settings.get("model_max_length"), tokenizer)

    def _max_tokens(self, set_by_module: Any, set_by_tokenizer: Any, tokenizer: Tokenizer) -> int:
        config = self.config
        positions = config.positions - (config.padding + 1 if self.graph.counts_from_padding else 0)
        found = set_by_module or config.positions
        if not set_by_module and isinstance(set_by_tokenizer, int):
            found = min(set_by_tokenizer, config.positions)
        least = tokenizer.num_special_tokens_to_add(is_pair=False) + 1
        if type(found) is not int or not least <= found <= positions:
            raise BaseError(
                f"max_seq_length of the base {self._name!r} is {found!r}; its tokenizer and its encoder allow "
                f"{least} to {positions}."
            )
        return found


def folder_fingerprint(folder: Path, name: str) -> str:
    """The fingerprint of a base in a folder; PyTorch is needed only where its files alone do not say enough.

    Args:
        folder: Where it is.
        name: What errors call it.

    Raises:
        BaseError: There is no base, or a damaged one.
    """
    try:
        return read_whole(folder, lambda: BaseFiles(folder, name).fingerprint)
    except BaseError:
        if not is_installed("sentence_transformers"):
            raise
    from intent_adapters.artifacts.base import read_base

    return fingerprint(read_base(folder, name, device="cpu"))


def exportable(config: Mapping[str, Any]) -> tuple[Architecture, GraphNames]:
    """What is known of the architecture that a config.json names, if it can be exported.

    Raises:
        BaseError: It cannot.
    """
    model_type = config.get("model_type")
    known = ARCHITECTURES.get(str(model_type))
    if known is None or known.graph is None:
        exported = ", ".join(name for name, architecture in ARCHITECTURES.items() if architecture.graph)
        raise BaseError(
            f"Encoders of the architecture {model_type!r} cannot be exported to ONNX; these can: "
            f'{exported}. Run this base with backend="torch".'
        )
    return known, known.graph


def _size(values: dict[str, Any], *keys: str) -> int:
    for key in keys:
        if type(found := values.get(key)) is int and found > 0:
            return found
    raise ValueError(" or ".join(keys))


def _unread(base: str, why: str) -> BaseError:
    return BaseError(
        f"The files of the base {base!r} alone do not say what it does: {why}. sentence-transformers can read it: pip "
        "install 'intent-adapters[torch]'."
    )
