"""What is written and drawn in a picture."""

from __future__ import annotations

import struct

import numpy as np
from matplotlib.text import Text

from intent_adapters.data import EntityAnnotation
from intent_adapters.evaluation import ClassificationScores, EntityScores, score_entities, score_labels
from intent_adapters.evaluation.plots import Picture
from intent_adapters.prediction import PredictedEntity


def size_of(png: bytes) -> tuple[int, int]:
    """Width and height in pixels."""
    assert png.startswith(b"\x89PNG\r\n")
    return struct.unpack(">II", png[16:24])


def written(picture: Picture) -> list[str]:
    """All texts that show."""
    return [text.get_text() for text in picture.findobj(Text) if text.get_visible() and text.get_text()]


def many_confusions(intents: int, seed: int = 0) -> ClassificationScores:
    """Five utterances an intent, some of them taken for a neighbour."""
    random = np.random.default_rng(seed)
    true = np.repeat(np.arange(intents), 5)
    said = np.where(random.random(len(true)) < 0.3, (true + 1) % intents, true)
    return score_labels([f"intent {label}" for label in true], [f"intent {label}" for label in said])


def many_entities(types: int) -> EntityScores:
    """Two entities of each type, one found too long, the other missed; and one of each type where there is none."""
    names = [f"type {number}" for number in range(types)]
    marked = [[EntityAnnotation(0, 5, name, "hello"), EntityAnnotation(6, 8, name, "hi")] for name in names]
    found = [
        [PredictedEntity(start, end, "", name, "", None, 1.0, "tagger") for start, end in ((0, 6), (9, 12))]
        for name in names
    ]
    return score_entities(["hello hi you"] * types, marked, found)


def blobs(intents: int, rows: int = 6, seed: int = 0) -> tuple[np.ndarray, list[str]]:
    """Embeddings around a centre for each intent."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(intents, 8))
    vectors = np.repeat(centres, rows, axis=0) + 0.1 * random.normal(size=(intents * rows, 8))
    return vectors, [f"intent {label}" for label in range(intents) for _ in range(rows)]
