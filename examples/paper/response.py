"""The other half of figure 2: how long one sentence takes on a CPU, through the large and the distilled encoder."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import Any

import torch

from examples.benchmark.agents import random_agent
from examples.benchmark.utterances import utterances
from examples.benchmark.workers.clock import seconds_of
from examples.paper.footprint import INTENTS
from intent_adapters.base import fingerprint, load_base
from intent_adapters.model import IntentModel

ROUNDS = 30
WARM_UP = 10


def measure_response(
    large: str, distilled: str, *, threads: Sequence[int] = (1, 2), rounds: int = ROUNDS, intents: int = INTENTS
) -> dict[str, Any]:
    """Answer one utterance after another, the two encoders in turn, each with an agent's adapter.

    Both answer the same utterances in the same round, so that what disturbs the machine disturbs both.

    Args:
        large: Folder or Hub id of the large encoder.
        distilled: Of the distilled one.
        threads: Numbers of threads of PyTorch, one after the other.
        rounds: How often each has its turn.
        intents: Of the agents.

    Returns:
        By number of threads: median milliseconds of `large` and `distilled`, and the median of the `ratio` of the two
        by round.

    Raises:
        BaseError: An encoder cannot be loaded.
    """
    models = {name: _with_agent(base, intents) for name, base in (("large", large), ("distilled", distilled))}
    texts = utterances()
    before = torch.get_num_threads()
    found: dict[str, Any] = {}
    try:
        for count in threads:
            torch.set_num_threads(count)
            found[str(count)] = _in_turn(models, texts, rounds)
    finally:
        torch.set_num_threads(before)
    return {"rounds": rounds, "intents": intents, "threads": found}


def _in_turn(models: dict[str, IntentModel], texts: Sequence[str], rounds: int) -> dict[str, float]:
    for model in models.values():
        for text in texts[:WARM_UP]:
            model.predict(text, "agent")
    took: dict[str, list[float]] = {name: [] for name in models}
    for number in range(rounds):
        text = texts[number % len(texts)]
        for name, model in models.items():
            took[name].append(statistics.median(seconds_of(_asking(model, text), 0.05)))
    medians = {name: 1000 * statistics.median(seconds) for name, seconds in took.items()}
    ratios = [small / large for small, large in zip(took["distilled"], took["large"], strict=True)]
    return {**medians, "ratio": statistics.median(ratios)}


def _asking(model: IntentModel, text: str) -> Callable[[], object]:
    return lambda: model.predict(text, "agent")


def _with_agent(base: str, intents: int) -> IntentModel:
    encoder = load_base(base, device="cpu")
    model = IntentModel(encoder, name=base)
    model.add_agent("agent", random_agent(encoder, base, fingerprint(encoder), intents, seed=0))
    return model
