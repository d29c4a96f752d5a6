"""Table 4 and half of figure 2: what the large and the distilled encoder, and agents on them, take on disk."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from sentence_transformers import SentenceTransformer

from examples.benchmark.agents import write_random_agents
from intent_adapters.base import load_base

AGENTS = (1, 50, 100)
INTENTS = 149
"""Of each agent: as many as the paper's medical domain."""


def measure_footprint(large: str, distilled: str, *, intents: int = INTENTS) -> dict[str, Any]:
    """Save both encoders in float32 and a hundred adapters, and add up the files.

    A fine-tuned agent is a whole encoder, of which one is saved and counted for each agent. The weights of the
    adapters are random; size does not depend on them.

    Args:
        large: Folder or Hub id of the large encoder.
        distilled: Of the distilled one.
        intents: Of each agent.

    Returns:
        `large` and `distilled` with `parameters` and `bytes`, `adapter_bytes` of one agent, and `totals` by system and
        number of agents.

    Raises:
        BaseError: An encoder cannot be loaded.
    """
    with tempfile.TemporaryDirectory() as scratch:
        sizes = {name: _encoder(base, Path(scratch, name)) for name, base in _named(large, distilled).items()}
        folders = [Path(scratch, "agents", str(number)) for number in range(max(AGENTS))]
        write_random_agents(distilled, folders, labels=intents, seed=0)
        agents = [_bytes_of(folder) for folder in folders]
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


def _named(large: str, distilled: str) -> dict[str, str]:
    return {"large": large, "distilled": distilled}


def _encoder(base: str, folder: Path) -> dict[str, int]:
    model: SentenceTransformer = load_base(base, device="cpu").float()
    model.save_pretrained(str(folder), create_model_card=False)
    return {"parameters": sum(weight.numel() for weight in model.parameters()), "bytes": _bytes_of(folder)}


def _bytes_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
