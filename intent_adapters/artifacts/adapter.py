"""An adapter at rest: a config and named tensors, read from and written to an ordinary PEFT adapter folder."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from safetensors.numpy import save, save_file

from intent_adapters.adapter_config import AdapterConfig, Provenance
from intent_adapters.adapter_config.peft_type import INTENT_BOTTLENECK
from intent_adapters.adapter_config.sites import SiteShape
from intent_adapters.adapter_config.tensors import PREFIX, expected_shapes
from intent_adapters.artifacts.contents import (
    CONFIG_NAME,
    ENTITIES_NAME,
    MAX_CONFIG_BYTES,
    MAX_ENTITIES_BYTES,
    SAFETENSORS_WEIGHTS_NAME,
    check_adapter_target,
)
from intent_adapters.artifacts.folders import read_whole, replaced_folder, sole_writer
from intent_adapters.artifacts.version_folders import BASE_FOLDER, KEPT, has_own_base, keep_former
from intent_adapters.artifacts.weights_file import WeightsFile, check_file, read_weights
from intent_adapters.errors import AdapterError, ConfigError, DataError, IntentAdaptersWarning
from intent_adapters.inputs import check_range

if TYPE_CHECKING:
    from torch import Tensor

    from intent_adapters.adapter_config.tagger import TaggerConfig
    from intent_adapters.data.definitions import EntityDefinitions

DIGEST_KEY = "intent_adapters_sha256"


class Adapter:
    """One agent's trained part: what differs between it and the base. It does not change.

    Args:
        config: Sites, sizes, labels, prompt, threshold.
        tensors: The weights by name, as PEFT saves them, less the `base_model.model.` prefix: tensors of PyTorch on
            the CPU or arrays, in float32. They are not copied.
        entities: What the agent finds in utterances beside their intents; None: nothing.

    Attributes:
        config: As given.
        arrays: The weights by name.
        entities: As given.
    """

    def __init__(
        self, config: AdapterConfig, tensors: Mapping[str, ArrayLike], entities: EntityDefinitions | None = None
    ) -> None:
        self.config = config
        self.entities = entities
        self._read_digest: str | None = None
        self.arrays: Mapping[str, NDArray[Any]] = {name: np.asarray(tensor) for name, tensor in tensors.items()}

    @property
    def tensors(self) -> dict[str, Tensor]:
        """The weights by name as tensors of PyTorch, on the same memory."""
        import torch

        return {name: torch.from_numpy(array) for name, array in self.arrays.items()}

    @property
    def labels(self) -> list[str]:
        """The intents, in the order of the head's rows."""
        return list(self.config.labels or ())

    @property
    def entity_facts(self) -> dict[str, str]:
        """What there is of each entity that it finds, by name: such as "learned, 2 values"."""
        parts = {name: ["learned"] for name in (self.config.tagger.entities if self.config.tagger else ())}
        for name, definition in (self.entities.entities if self.entities else {}).items():
            parts.setdefault(name, []).append(str(definition))
        return {name: ", ".join(own) for name, own in parts.items()}

    @property
    def num_parameters(self) -> int:
        """How many numbers the adapter holds, head included."""
        return sum(array.size for array in self.arrays.values())

    def rounded(self) -> Adapter:
        """The same with values that float16 holds exactly, so that its file takes half the space and loses nothing.

        A tensor with values too large for float16 stays as it is.
        """
        halves = {name: _half(array).astype(array.dtype) for name, array in self.arrays.items()}
        return Adapter(
            self.config,
            {name: half if np.isfinite(half).all() else self.arrays[name] for name, half in halves.items()},
            self.entities,
        )

    def with_config(self, **settings: Any) -> Adapter:
        """The same weights with some settings of the config changed."""
        return Adapter(replace(self.config, **settings), self.arrays, self.entities)

    def with_threshold(self, threshold: float | None) -> Adapter:
        """The same agent with another threshold.

        Raises:
            ConfigError: It is out of range.
        """
        return self.with_config(calibration=replace(self.config.calibration, threshold=threshold))

    def with_entities(self, entities: EntityDefinitions | None) -> Adapter:
        """The same agent with other entities to find, or none.

        Raises:
            ConfigError: They are something else.
        """
        if entities is not None:
            from intent_adapters.data.definitions import check_definitions

            check_definitions(entities)
        return Adapter(self.config, self.arrays, entities or None)

    def with_tagger(self, tagger: TaggerConfig, tensors: Mapping[str, ArrayLike]) -> Adapter:
        """The same agent with another token head.

        Args:
            tagger: Its config.
            tensors: All weights, those of the token head among them.
        """
        return Adapter(replace(self.config, tagger=tagger), tensors, self.entities)

    def check_fits(self, sites: Mapping[str, SiteShape], embedding_dim: int) -> None:
        """Compare names and shapes of all tensors with what the config asks for.

        Args:
            sites: Where its bottlenecks are on an encoder, and their sizes.
            embedding_dim: Of the embeddings that its head reads there.

        Raises:
            AdapterError: A tensor is missing, unexpected or of another shape.
        """
        expected = expected_shapes(self.config, sites, embedding_dim)
        found = {name: array.shape for name, array in self.arrays.items()}
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

        Returns:
            The adapter; whether it fits a base is for `check_fits`.

        Raises:
            AdapterError: A file is missing, damaged, oversized, of another kind, or does not belong to the other one.
        """
        folder = Path(folder)
        config, weights, entities = read_whole(
            folder, lambda: (_read_config(folder), read_weights(folder), _read_entities(folder))
        )
        digest = weights.metadata.get(DIGEST_KEY)
        # Written by plain PEFT an adapter has no digest; everything else about it is checked all the same.
        if digest is not None and digest != _digest(config, weights):
            raise AdapterError(
                f"The adapter in {str(folder)!r} is damaged: its weights and labels are not the ones that were saved "
                "(digest mismatch). Get it again from where it came from."
            )
        try:
            arrays = weights.arrays()
        except ValueError as error:
            raise AdapterError(f"The adapter in {str(folder)!r} makes no sense: {error}. Get it again.") from error
        adapter = cls(config, {name.removeprefix(PREFIX): array for name, array in arrays.items()}, entities)
        adapter._read_digest = digest
        return adapter

    def write(
        self, folder: str | Path, *, versions: int = KEPT, beside: Callable[[Path], object] | None = None
    ) -> None:
        """Write the adapter folder, atomically: a killed process leaves the old adapter or this one.

        Tensors whose values float16 holds exactly are written in it, which takes half the space and loses nothing.
        An adapter that is there already becomes a version of this one, unless only its threshold is set or it is
        trained again to the same weights and settings; see `intent_adapters.artifacts.versions`.

        Args:
            folder: Created, or replaced if it already holds an adapter; other files in it (README.md) are kept.
            versions: How many former versions to keep, at most.
            beside: Writes what else is to be in the folder, into one that already has the adapter and will take its
                place.

        Raises:
            AdapterError: `folder` is a file, or a folder with other things than an adapter in it; or the definitions
                of entities are more than can be read again.
            ConfigError: `versions` is below 0.

        Warns:
            IntentAdaptersWarning: A version is not kept any more.
        """
        folder = Path(folder)
        check_adapter_target(folder)
        check_range("versions", versions, 0)
        with sole_writer(folder):
            gone = self._replace(folder, versions, beside)
        if gone:
            warnings.warn(
                f"{str(folder)!r} keeps {versions} former version(s): version {', '.join(map(str, gone))} is gone",
                IntentAdaptersWarning,
                stacklevel=2,
            )

    @property
    def digest(self) -> str:
        """SHA-256 over the weights and what gives them their meaning: it ties the two files together, to the bit.

        The threshold and the temperature are left out: they may be set by hand.
        """
        return _digest(self.config, _as_file(self._stored()))

    @property
    def version(self) -> str:
        """12 hex digits that tell this adapter from every other that answers differently, if only by its threshold."""
        config = self.config
        settings = [asdict(config.calibration), config.catch_all, config.head, config.sites]
        meaning = [self._read_digest or self.digest, *settings]
        if self.entities:
            meaning.append(self.entities.to_dict())
        return hashlib.sha256(json.dumps(meaning).encode()).hexdigest()[:12]

    def _replace(self, folder: Path, versions: int, beside: Callable[[Path], object] | None) -> list[int]:
        """Writes the folder; gives the numbers of the versions that are not kept any more."""
        stored = self._stored()
        digest = _digest(self.config, _as_file(stored))
        keeps = (folder / CONFIG_NAME).exists() and not self._is_version_in(folder)
        gone: list[int] = []
        without = [ENTITIES_NAME, *([BASE_FOLDER] if keeps and has_own_base(folder) else [])]
        with replaced_folder(folder, without=without) as staging:
            # One entry alone: safetensors writes several in random order, and the same adapter would be other bytes.
            save_file(stored, staging / SAFETENSORS_WEIGHTS_NAME, {DIGEST_KEY: digest})
            text = json.dumps(asdict(self.config), indent=2, sort_keys=True)  # as PEFT writes it
            (staging / CONFIG_NAME).write_text(text, encoding="utf-8")
            if self.entities:
                self.entities.write(staging / ENTITIES_NAME)
                size = (staging / ENTITIES_NAME).stat().st_size
                if size > MAX_ENTITIES_BYTES:
                    raise AdapterError(
                        f"The definitions of entities have {size:,} bytes, more than the {MAX_ENTITIES_BYTES:,} that "
                        "an adapter can have. Leave some values out."
                    )
            if keeps:
                gone = keep_former(folder, staging, versions)
            if beside:
                beside(staging)
        return gone

    def _is_version_in(self, folder: Path) -> bool:
        """Whether a folder holds this version already: trained again to the same end, or with another threshold."""
        try:
            former = Adapter.read(folder)
        except AdapterError:
            return False
        same_training = former.config.provenance == self.config.provenance

        def decisive(config: AdapterConfig) -> dict[str, Any]:
            if same_training:
                config = replace(config, calibration=replace(config.calibration, threshold=None))
            else:
                config = replace(config, provenance=Provenance(config.provenance.base_fingerprint))
            return {**vars(config), "peft_version": None}

        same_answers = former.digest == self.digest and former.entities == self.entities
        return same_answers and decisive(former.config) == decisive(self.config)

    def _stored(self) -> dict[str, NDArray[Any]]:
        return {PREFIX + name: _smallest(array) for name, array in self.arrays.items()}


def _as_file(stored: dict[str, NDArray[Any]]) -> WeightsFile:
    return WeightsFile(bytearray(save(stored)))


def _digest(config: AdapterConfig, weights: WeightsFile) -> str:
    meaning = [config.labels, config.non_linearity, config.scaling, config.prompt, weights.digest()]
    return hashlib.sha256(json.dumps(meaning).encode()).hexdigest()


def _half(array: NDArray[Any]) -> NDArray[np.float16]:
    with np.errstate(over="ignore"):
        return array.astype(np.float16)


def _smallest(array: NDArray[Any]) -> NDArray[Any]:
    half = _half(array)
    return np.ascontiguousarray(half if np.array_equal(half.astype(array.dtype), array) else array)


def _read_config(folder: Path) -> AdapterConfig:
    path = folder / CONFIG_NAME
    check_file(path, MAX_CONFIG_BYTES)
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
        config = AdapterConfig.from_attributes(values)
    except ConfigError as error:
        raise AdapterError(f"{str(path)!r} has a setting that makes no sense: {error}") from error
    if not config.labels:
        raise AdapterError(f"{str(path)!r} names no labels: the adapter has no classification head and cannot answer.")
    if config.modules_to_save:
        raise AdapterError(
            f"{str(path)!r} has modules_to_save={config.modules_to_save}: it changes modules of the base that "
            "all agents share. Load it with PEFT, or train it without them."
        )
    return config


def _former(folder: Path) -> Adapter | None:
    """The adapter in a folder that another is to replace; None where there is none that can be read."""
    try:
        return Adapter.read(folder)
    except AdapterError:
        return None


def definitions_in(folder: Path) -> EntityDefinitions | None:
    """What the adapter in a folder finds by definition; None without, and where there is no adapter."""
    former = _former(folder)
    return former.entities if former else None


def _warn(message: str) -> None:
    warnings.warn(message, IntentAdaptersWarning, stacklevel=3)


def in_place_of(adapter: Adapter, folder: Path, warn: Callable[[str], object] = _warn) -> Adapter:
    """An adapter that takes the place of one in a folder: with the definitions of that one, unless it has its own.

    Args:
        adapter: The new one.
        folder: Where the former one is, if any.
        warn: Is told if that one marks entities that it has learned, and this one does not.
    """
    former = _former(folder)
    if former is None:
        return adapter
    if former.config.tagger and not adapter.config.tagger:
        warn(
            f"the former {folder.name!r} had learned to mark {', '.join(former.config.tagger.entities)}; "
            "the new one has not: train it with --entities, from utterances in which they are marked"
        )
    return adapter.with_entities(adapter.entities or former.entities)


def _read_entities(folder: Path) -> EntityDefinitions | None:
    path = folder / ENTITIES_NAME
    if not path.exists():
        return None
    from intent_adapters.data.definition_files import read_definitions

    check_file(path, MAX_ENTITIES_BYTES)
    try:
        return read_definitions(path) or None
    except DataError as error:
        raise AdapterError(f"What the agent finds in utterances cannot be read. {error}") from error
