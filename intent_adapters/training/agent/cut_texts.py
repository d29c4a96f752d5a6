"""Warns of training texts that are longer than what the encoder reads."""

from __future__ import annotations

import warnings
from collections import defaultdict

from intent_adapters.errors import DataWarning, shorten
from intent_adapters.runtime.token_counts import count_tokens
from intent_adapters.training.agent.embedder import FrozenEmbedder
from intent_adapters.training.agent.task import Task


def warn_of_cut_texts(frozen: FrozenEmbedder, task: Task) -> None:
    """Say how many training texts are cut, and how many of these no longer differ from a text of another intent."""
    texts = [task.prompt + text for text in task.texts]
    cut = [number for number, count in enumerate(count_tokens(frozen.model, texts)) if count.cut]
    if not cut:
        return
    message = (
        f"{len(cut)} of {len(texts)} training texts have more than the {frozen.model.max_seq_length} tokens that the "
        "base reads and are cut there, as they are when the agent is asked; the first is "
        f"{shorten(task.texts[cut[0]])}. Put first what tells the intents apart, or set model.base.max_seq_length "
        "before training, as high as the encoder goes."
    )
    tokens = frozen.tokenize([texts[number] for number in cut])
    alike: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for row, number in enumerate(cut):
        alike[tuple(tokens.batch([row])["input_ids"][0].tolist())].append(number)
    confused = [group for group in alike.values() if len(set(task.labels[group].tolist())) > 1]
    if confused:
        first, second = (task.intents[label] for label in sorted(set(task.labels[confused[0]].tolist()))[:2])
        message += (
            f" {sum(map(len, confused))} of them are cut to what a text of another intent is cut to, so that nothing "
            f"can tell them apart; the first are of {shorten(first)} and {shorten(second)}."
        )
    warnings.warn(message, DataWarning, stacklevel=3)
