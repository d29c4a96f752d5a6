"""Training data of an agent, as numbers, without an encoder."""

from __future__ import annotations

import numpy as np
import torch

from intent_adapters.training.agent.task import Task


def make_task(counts, names=0, seed=0, dim=6):
    """A task with so many utterances of each intent and names of the first intents."""
    draw = np.random.default_rng(seed)
    labels = draw.permutation(np.repeat(np.arange(len(counts)), counts))
    labels = torch.from_numpy(np.concatenate([labels, np.arange(names)]))
    centers = draw.normal(size=(len(counts), dim))
    embeddings = centers[labels.numpy()] + draw.normal(size=(len(labels), dim)) * 0.7
    return Task(
        texts=[f"words of text {number} here" for number in range(len(labels))],
        labels=labels,
        intents=[f"intent {number}" for number in range(len(counts))],
        prompt="",
        embeddings=torch.from_numpy(embeddings).float(),
        names=names,
    )
