"""Texts that no agent was trained on, made of its utterances."""

from __future__ import annotations

import random

from intent_adapters.training.agent.task import Task


def mixtures(task: Task, count: int, seed: int) -> list[str]:
    """First halves of utterances with second halves of utterances of other intents; two at least must have some.

    They are in the agent's words and have no intent of their own, like the mixed features that Zhan et al. (2021) take
    for out-of-scope utterances; nothing is trained on them here.
    """
    draw = random.Random(seed)
    labels = task.labels[: task.utterances].tolist()
    mixed = []
    for _ in range(count):
        first = draw.randrange(len(labels))
        second = draw.randrange(len(labels))
        while labels[second] == labels[first]:
            second = draw.randrange(len(labels))
        mixed.append(f"{halves(task.texts[first])[0]} {halves(task.texts[second])[1]}")
    return mixed


def halves(text: str) -> tuple[str, str]:
    """A text cut at the space nearest to its middle, or in its middle if it has none; the first half is not empty."""
    text = text.strip()
    middle = len(text) / 2
    cut = min(
        (place for place, sign in enumerate(text) if sign.isspace()),
        key=lambda place: abs(place - middle),
        default=(len(text) + 1) // 2,
    )
    return text[:cut], text[cut:].strip()
