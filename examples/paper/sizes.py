"""Table 4 and figure 2: what the large and the distilled encoder, and agents on them, take on disk and in time."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch

from examples.benchmark.random_agents import write_random_agents
from examples.benchmark.systems.building_blocks import open_encoder, save_encoder
from examples.benchmark.utterances import utterances
from examples.benchmark.workers.measuring import folder_bytes, seconds_of
from intent_adapters import IntentModel

AGENTS = (1, 50, 100)
INTENTS = 149
"""Of each agent: as many as the paper's medical domain."""
ROUNDS = 30
WARM_UP = 10


def measure_footprint(large: str, distilled: str, *, intents: int = INTENTS) -> dict[str, Any]:
    """Save both encoders, folders both, in float32 and a hundred adapters, and add up the files.

    A fine-tuned agent is a whole encoder, of which one is saved and counted for each agent. The weights of the
    adapters are random; size does not depend on them.

    Returns:
        `large` and `distilled` with `parameters` and `bytes`, `adapter_bytes` of one agent, and `totals` by kind of
        agent and number of agents.
    """
    sizes: dict[str, dict[str, int]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name, base in (("large", large), ("distilled", distilled)):
            save_encoder(base, Path(scratch, name))
            parameters = sum(weight.numel() for weight in open_encoder(base).parameters())
            sizes[name] = {"parameters": parameters, "bytes": folder_bytes(Path(scratch, name))}
        folders = [Path(scratch, "agents", str(number)) for number in range(max(AGENTS))]
        write_random_agents(distilled, folders, labels=intents, seed=0)
        agents = [folder_bytes(folder) for folder in folders]
    whole = {name: {str(count): count * sizes[name]["bytes"] for count in AGENTS} for name in sizes}
    return {
        **sizes,
        "intents": intents,
        "adapter_bytes": agents[0],
        "totals": {
            "large, fine-tuned": whole["large"],
            "distilled, fine-tuned": whole["distilled"],
            "distilled, adapter": {str(count): sizes["distilled"]["bytes"] + sum(agents[:count]) for count in AGENTS},
        },
    }


def measure_response(
    large: str, distilled: str, *, threads: Sequence[int] = (1, 2), rounds: int = ROUNDS, intents: int = INTENTS
) -> dict[str, Any]:
    """Answer one utterance after another, the two encoders in turn, each with an agent's adapter.

    Both answer the same utterances in the same round, so that what disturbs the machine disturbs both.

    Returns:
        By number of threads of PyTorch: median milliseconds of `large` and `distilled`, and the median of the `ratio`
        of the two by round.
    """
    models = {"large": _with_agent(large, intents), "distilled": _with_agent(distilled, intents)}
    before = torch.get_num_threads()
    found: dict[str, Any] = {}
    try:
        for count in threads:
            torch.set_num_threads(count)
            found[str(count)] = _in_turn(models, rounds)
    finally:
        torch.set_num_threads(before)
    return {"rounds": rounds, "intents": intents, "threads": found}


def _in_turn(models: dict[str, IntentModel], rounds: int) -> dict[str, float]:
    texts = utterances()
    for model in models.values():
        for text in texts[:WARM_UP]:
            model.predict(text)
    took: dict[str, list[float]] = {name: [] for name in models}
    for number in range(rounds):
        for name, model in models.items():
            took[name].append(median(seconds_of(partial(model.predict, texts[number % len(texts)]), 0.05)))
    ratios = [small / large for small, large in zip(took["distilled"], took["large"], strict=True)]
    return {**{name: 1000 * median(seconds) for name, seconds in took.items()}, "ratio": median(ratios)}


def _with_agent(base: str, intents: int) -> IntentModel:
    with tempfile.TemporaryDirectory() as folder:
        write_random_agents(base, [Path(folder, "agent")], labels=intents, seed=0)
        return IntentModel.from_pretrained(base, adapter=Path(folder, "agent"), device="cpu")
