"""Targets of stage 2 from one teacher or several: computed once, stored, put together, and looked up by the loss."""

from __future__ import annotations

import dataclasses
import hashlib
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from datasets import Dataset
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn

from intent_adapters.artifacts.fingerprint import fingerprint
from intent_adapters.artifacts.folders import write_whole
from intent_adapters.errors import ConfigError, DataError, shorten
from intent_adapters.inputs import check_number, check_range
from intent_adapters.losses.distillation.teacher import Features
from intent_adapters.training.base.attention import attention_for
from intent_adapters.training.bfloat16 import multiplies_bfloat16
from intent_adapters.vectors import unit_vectors

# Texts whose embeddings are stored together: what a run that is killed has to compute again, at most.
CHUNK = 20_000
KEY = np.dtype("V16")
# From how many rows a rotation is found.
ROTATION_ROWS = 200_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Teacher:
    """One of the teachers whose embeddings make up the targets.

    Attributes:
        model: The teacher; of any tokenizer and any width.
        prompt: What it reads before each text.
        weight: How much its cosines count beside those of the others, above 0.
        centered: Whether the mean of its embeddings is taken from them.
        whitening: After that, each principal direction is divided by its variance to this power; 0 leaves them,
            0.5 makes all alike. The cosines of some encoders, E5 among them, fill a narrow band, which this widens.
    """

    model: SentenceTransformer
    prompt: str = ""
    weight: float = 1.0
    centered: bool = False
    whitening: float = 0.0

    def __post_init__(self) -> None:
        check_number("weight", self.weight, 0, above=True)
        check_number("whitening", self.whitening, 0, 0.5)


class Targets:
    """The target of each text.

    Args:
        texts: The texts.
        vectors: Their targets (texts, D).

    Raises:
        ConfigError: There are not as many of the ones as of the others.
    """

    def __init__(self, texts: Sequence[str], vectors: NDArray[np.float16]) -> None:
        if len(texts) != len(vectors):
            raise ConfigError(f"there are {len(texts)} texts and {len(vectors)} targets")
        self.vectors = vectors
        self._row = {text: row for row, text in enumerate(texts)}

    @property
    def width(self) -> int:
        """D."""
        return int(self.vectors.shape[1])

    @property
    def digest(self) -> str:
        """A hash that identifies them."""
        return hashlib.sha256(np.ascontiguousarray(self.vectors).data).hexdigest()[:16]

    def labelled(self, dataset: Dataset) -> Dataset:
        """A dataset of texts with the column `label`: for each of its text columns, in which row the target is.

        Raises:
            DataError: A text has no target.
        """
        columns = [dataset[name][:] for name in dataset.column_names]
        try:
            rows = [[self._row[text] for text in texts] for texts in zip(*columns, strict=True)]
        except KeyError as error:
            raise DataError(f"there is no target for the text {shorten(error.args[0])}") from error
        return dataset.add_column("label", rows)


class TargetLookup(nn.Module):
    """A loss whose labels are rows of targets: looks the targets up, and hands them on as the labels.

    Args:
        loss: Takes labels (B, columns, D).
        targets: The targets.
    """

    def __init__(self, loss: nn.Module, targets: Targets) -> None:
        super().__init__()
        self.loss = loss
        self._vectors = targets.vectors

    def forward(self, sentence_features: Iterable[Features], labels: Tensor) -> Tensor | dict[str, Tensor]:
        """The loss of a batch; `labels` are rows (B, columns)."""
        vectors = torch.from_numpy(self._vectors[labels.cpu().numpy()]).to(labels.device, torch.float32)
        found: Tensor | dict[str, Tensor] = self.loss(sentence_features, vectors)
        return found


def teacher_embeddings(
    teacher: Teacher, texts: Sequence[str], folder: Path, *, batch_size: int = 64
) -> NDArray[np.float16]:
    """What a teacher makes of texts, each normalised; computed once, in bfloat16 where that is fast, and stored.

    Each text is looked up by itself: with more texts, or others, only those are computed that are new.

    Args:
        teacher: Of which the model and the prompt matter.
        texts: The texts.
        folder: Where the embeddings are, and stay; a run that was killed goes on where it was.
        batch_size: Texts in one pass.

    Returns:
        (texts, D).
    """
    device = teacher.model.device
    place = folder / hashlib.sha256(repr((fingerprint(teacher.model), teacher.prompt)).encode()).hexdigest()[:24]
    place.mkdir(parents=True, exist_ok=True)
    wanted = [_key(text) for text in texts]
    found: dict[bytes, NDArray[np.float16]] = {}
    for file in sorted(place.glob("*.npz")):
        with np.load(file) as stored:
            keys = stored["keys"].tolist()
            if not set(keys).isdisjoint(wanted):
                found.update(zip(keys, stored["embeddings"], strict=True))
    new = list({key: text for key, text in zip(wanted, texts, strict=True) if key not in found}.items())
    for start in range(0, len(new), CHUNK):
        keys, chunk = map(list, zip(*new[start : start + CHUNK], strict=True))
        longest = len(teacher.prompt) + max(map(len, chunk))
        with (
            attention_for(teacher.model, longest),
            torch.autocast(device.type, torch.bfloat16, enabled=multiplies_bfloat16(device)),
        ):
            embeddings = teacher.model.encode(
                chunk,
                prompt=teacher.prompt or None,
                batch_size=batch_size,
                normalize_embeddings=True,
                show_progress_bar=False,
            ).astype(np.float16)
        content = io.BytesIO()
        np.savez(content, keys=np.array(keys, dtype=KEY), embeddings=embeddings)
        write_whole(place / f"{keys[0].hex()}.npz", content.getvalue())
        found.update(zip(keys, embeddings, strict=True))
    return np.stack([found[key] for key in wanted])


def _key(text: str) -> bytes:
    """A hash that identifies a text in the store."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def joined(teachers: Sequence[Teacher], embeddings: Sequence[NDArray[np.float16]]) -> NDArray[np.float32]:
    """The embeddings of several teachers side by side, each row of length 1.

    The cosine of two rows is the mean of the teachers' cosines, weighted by the squares of their weights.

    Args:
        teachers: Whose.
        embeddings: (texts, D) of each.

    Returns:
        (texts, sum of the D).
    """
    return unit_vectors(np.hstack(_parts(teachers, embeddings)), np.float32)


def averaged(teachers: Sequence[Teacher], embeddings: Sequence[NDArray[np.float16]]) -> NDArray[np.float32]:
    """The weighted mean of embeddings that are of one width, each row of length 1.

    Args:
        teachers: Whose.
        embeddings: (texts, D) of each.

    Returns:
        (texts, D).

    Raises:
        ConfigError: They are not of one width.
    """
    if len({found.shape for found in embeddings}) > 1:
        raise ConfigError(
            f"embeddings of shapes {[found.shape for found in embeddings]} have no mean: join them instead"
        )
    return unit_vectors(np.sum(_parts(teachers, embeddings), axis=0), np.float32)


def _parts(teachers: Sequence[Teacher], embeddings: Sequence[NDArray[np.float16]]) -> list[NDArray[np.float32]]:
    """What each teacher has a share of the targets with."""
    parts = []
    for teacher, found in zip(teachers, embeddings, strict=True):
        spread = whitened(found, teacher.whitening, centered=teacher.centered)
        parts.append(np.float32(teacher.weight) * unit_vectors(spread, np.float32))
    return parts


def whitened(embeddings: NDArray[np.floating], power: float, *, centered: bool) -> NDArray[np.float32]:
    """Embeddings (texts, D) with each principal direction divided by its variance to a power.

    Args:
        embeddings: The embeddings.
        power: The power; with one above 0 the mean is always taken away.
        centered: Whether the mean is taken away.
    """
    found = embeddings.astype(np.float32)
    if centered or power:
        found -= found.mean(axis=0)
    if not power:
        return found
    variances, directions = np.linalg.eigh(found.T.astype(np.float64) @ found / len(found))
    scale = np.maximum(variances, variances.max() * 1e-6) ** -power
    return (found @ (directions * scale)).astype(np.float32)


def reduced(embeddings: NDArray[np.float32], width: int) -> tuple[NDArray[np.float32], float]:
    """The directions with most of the energy.

    Args:
        embeddings: (texts, D).
        width: How many to keep, at most D.

    Returns:
        The embeddings in these directions (texts, width), each row of length 1, and the share of the energy in them.

    Raises:
        ConfigError: `width` is out of range.
    """
    check_range("width", width, 1, embeddings.shape[1])
    energy, directions = np.linalg.eigh(embeddings.T.astype(np.float64) @ embeddings)
    kept = directions[:, ::-1][:, :width].astype(np.float32)
    return unit_vectors(embeddings @ kept, np.float32), float(energy[::-1][:width].sum() / energy.sum())


def turned_onto(embeddings: NDArray[np.float32], reference: NDArray[np.floating]) -> NDArray[np.float32]:
    """Embeddings turned, without a change of any cosine, so that they come as near to others as can be.

    Args:
        embeddings: (texts, D).
        reference: (texts, at most D), in whose space a student begins. Where it is narrower, the first directions come
            near to it, and the matrix W, which begins as the identity, leads from the one to the other.

    Returns:
        (texts, D); the rotation is that of the orthogonal Procrustes problem.

    Raises:
        ConfigError: The reference is wider.
    """
    width, onto = embeddings.shape[1], reference.shape[1]
    if onto > width:
        raise ConfigError(
            f"targets of {width} numbers cannot be turned onto embeddings of {onto}: take a larger `width`, more or "
            "wider teachers, or leave `turn` out"
        )
    rows = np.random.default_rng(0).permutation(len(embeddings))[:ROTATION_ROWS]
    product = embeddings[rows].T.astype(np.float64) @ reference[rows].astype(np.float64)
    rotation, _, right = np.linalg.svd(product, full_matrices=True)
    rotation[:, :onto] = rotation[:, :onto] @ right
    return embeddings @ rotation.astype(np.float32)
