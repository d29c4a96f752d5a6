"""The encoders of a track: opened, or made by the stages, each once and kept by what made it."""

from __future__ import annotations

import gzip
import hashlib
import json
import lzma
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from datasets import Dataset
from huggingface_hub import snapshot_download
from sentence_transformers import SentenceTransformer
from transformers import AutoTokenizer

from examples.paper.columns import file_digest
from examples.paper.rows import Role
from examples.paper.tracks import Contrastive, Distilled, Given, Pretrained, Recipe, Track
from intent_adapters.data import PairSource, read_pairs
from intent_adapters.errors import ConfigError, DataError
from intent_adapters.training import distill, train_encoder
from intent_adapters.training.base.pair_training import PairTraining
from intent_adapters.training.base.pretraining import MaskedTraining, pretrain
from intent_adapters.training.base.run import checkpoint_folder
from intent_adapters.training.base.student import SMALL_SHAPE, student_from_layers, student_from_shape

MADE = "made.json"
OPENERS = {".gz": gzip.open, ".xz": lzma.open}


class Encoders:
    """Where a track's encoders are; what is asked for and not there is made.

    Args:
        track: The track.
        data: The data folder.
        work: Where made encoders are kept, by a hash of what made them.
        models: Folders to take in place of models that the track names.
        device: Where to train; None takes the best there is.
    """

    def __init__(
        self,
        track: Track,
        data: Path,
        work: Path,
        models: Mapping[str, str] | None = None,
        device: str | None = None,
    ) -> None:
        self.track = track
        self.data = data
        self.work = work
        self.models = dict(models or {})
        self.device = device

    def folder(self, role: Role) -> Path:
        """The folder of an encoder, which is made if need be; a training that was cut off goes on.

        Raises:
            ConfigError: A setting of the track makes no sense.
            DataError: The data cannot be trained on.
        """
        recipe = self.track.encoders[role]
        if isinstance(recipe, Given):
            return self._given(recipe.model)
        folder = self.work / "encoders" / f"{role}-{self.digest(role)[:8]}"
        if not (folder / MADE).exists():
            log = self._make(recipe, folder)
            shutil.rmtree(checkpoint_folder(folder), ignore_errors=True)
            (folder / MADE).write_text(json.dumps({"recipe": asdict(recipe), "log": log}, indent=1), encoding="utf-8")
        return folder

    def digest(self, role: Role) -> str:
        """A hash of what an encoder is: of its weights, or of all that makes it."""
        recipe = self.track.encoders[role]
        if isinstance(recipe, Given):
            return _digest_of_weights(self._given(recipe.model))
        made_of: dict[str, Any] = {"recipe": asdict(recipe)}
        if isinstance(recipe, Pretrained):
            made_of["files"] = [_digest_of_file(self.data / name) for name in recipe.texts]
        else:
            made_of["of"] = self.digest(recipe.of)
            made_of["pairs"] = asdict(self.track.pairs)
            made_of["files"] = [_digest_of_file(self.data / name) for name in self.track.pairs.files]
        return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()

    def _given(self, model: str) -> Path:
        given = self.models.get(model, model)
        return Path(given) if Path(given).is_dir() else Path(snapshot_download(given))

    def _make(self, recipe: Recipe, folder: Path) -> list[dict[str, float]]:
        if isinstance(recipe, Pretrained):
            return self._pretrain(recipe, folder)
        if isinstance(recipe, Contrastive):
            return train_encoder(
                self._open(recipe.of),
                self._pairs(),
                folder,
                training=PairTraining(**recipe.training),
                resume=True,
                **recipe.settings,
            )
        if isinstance(recipe, Distilled):
            teacher = self._open(recipe.of)
            return distill(
                teacher,
                student_from_layers(teacher, recipe.layers)
                if recipe.layers
                else student_from_shape(teacher, {**SMALL_SHAPE, **recipe.shape}),
                self._pairs(),
                folder,
                training=PairTraining(**recipe.training),
                resume=True,
                **recipe.settings,
            )
        raise ConfigError(f"nothing is made of {recipe!r}")

    def _pretrain(self, recipe: Pretrained, folder: Path) -> list[dict[str, float]]:
        tokenizer = AutoTokenizer.from_pretrained(self.models.get(recipe.tokenizer, recipe.tokenizer))
        return pretrain(
            dict.fromkeys(text for name in recipe.texts for text in read_texts(self.data / name)),
            tokenizer,
            folder,
            architecture=recipe.architecture,
            shape=recipe.shape,
            training=MaskedTraining(**recipe.training),
            device=self.device,
            resume=True,
        )

    def _open(self, role: Role) -> SentenceTransformer:
        return SentenceTransformer(str(self.folder(role)), device=self.device)

    def _pairs(self) -> Dataset:
        pairs = self.track.pairs
        return read_pairs(
            [
                PairSource(str(self.data / name), kinds=pairs.kinds or None, leave_out=pairs.leave_out)
                for name in pairs.files
            ]
        )


def read_texts(file: Path) -> Iterator[str]:
    """The texts of a file, one a line, or both texts of each pair where it is a JSON Lines file of pairs.

    Args:
        file: The file; `.gz` and `.xz` are unpacked.

    Raises:
        DataError: It cannot be read.
    """
    open_file: Any = OPENERS.get(file.suffix, open)
    names = file.name.split(".")
    try:
        with open_file(file, "rt", encoding="utf-8") as lines:
            for line in lines:
                if "jsonl" in names:
                    pair = json.loads(line)
                    yield from (pair["anchor"], pair["positive"])
                elif line.strip():
                    yield line.strip()
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{file} cannot be read as texts, one a line, or as pairs: {error!r}") from error


def _digest_of_weights(folder: Path) -> str:
    total = hashlib.sha256()
    for file in sorted(folder.rglob("*.safetensors")):
        total.update(bytes.fromhex(file_digest(file)))
    return total.hexdigest()


def _digest_of_file(file: Path) -> str:
    if not file.is_file():
        raise DataError(f"there is no file {file}: --data names the folder in which the files of the track are")
    return file_digest(file)
