"""Many agents in a folder, traffic that asks few of them often and most of them seldom, and the answers it must give.

The weights of a few agents are shared by all, by hard links, and told apart by the temperature of each: any two agents
give different scores. `python -m tests.support.traffic --help` measures on a real base.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from sentence_transformers import SentenceTransformer

from intent_adapters import IntentModel
from tests.support.adapters import random_adapter
from tests.support.memory import resident_memory
from tests.support.shared import minilm_path

TEXTS = ["예약 취소", "cancel my card", "how much is it to change the date?", "hello"]


@dataclass
class Fleet:
    """Agents in a folder, and what each must answer.

    Attributes:
        names: Of the agents.
        expected: For each group of agents that share weights, for each text, the probabilities by label at
            temperature 1.
        temperatures: Of each agent.
    """

    names: list[str]
    expected: list[list[dict[str, float]]]
    temperatures: list[float]

    def answer(self, agent: int, text: int) -> dict[str, float]:
        """The probabilities by label that an agent gives to a text."""
        alone = self.expected[agent % len(self.expected)][text]
        powers = {label: math.exp(math.log(max(p, 1e-30)) / self.temperatures[agent]) for label, p in alone.items()}
        total = sum(powers.values())
        return {label: power / total for label, power in powers.items()}


def write_fleet(folder: Path, base: SentenceTransformer, count: int, distinct: int, **settings: object) -> Fleet:
    """Write `count` adapters into `folder`, with `distinct` different sets of weights."""
    reference = IntentModel(base)
    names: list[str] = []
    expected: list[list[dict[str, float]]] = []
    temperatures: list[float] = []
    for index in range(count):
        names.append(f"agent-{index:05d}")
        temperatures.append(0.6 + 0.8 * (index // distinct) / max(1, count // distinct))
        target = folder / names[-1]
        if index < distinct:
            adapter = random_adapter(base, seed=index, **settings)
            small = {name: t.mul(0.1 if "_up." in name else 1).half().float() for name, t in adapter.tensors.items()}
            small["intent_head.intent_bottleneck_head.scale"].fill_(3)
            adapter = type(adapter)(adapter.config, small)
            adapter.write(target)
            reference.add_agent(names[-1], adapter)
            answers = reference.predict(TEXTS, agents=names[-1], top_k=1000)
            expected.append([dict(answer.top_k) for answer in answers])
            reference.unload_adapter(names[-1])
        else:
            target.mkdir()
            os.link(
                folder / names[index % distinct] / "adapter_model.safetensors", target / "adapter_model.safetensors"
            )
        source = folder / names[index % distinct] / "adapter_config.json"
        config = json.loads(source.read_text())
        config["calibration"]["temperature"] = temperatures[-1]
        (target / "adapter_config.json").write_text(json.dumps(config))
    return Fleet(names, expected, temperatures)


@dataclass
class Traffic:
    """What some traffic did.

    Attributes:
        requests: Calls of `predict`.
        utterances: Texts in all of them.
        asked: How many different agents were asked.
        wrong: Answers that were not the agent's.
        hit_rate: The share of agents that were resident when they were asked.
        evictions: How many left.
        highest_bytes: The most that resident adapters took, as the store counts.
        highest_growth: The most by which the memory of the process grew, in bytes, from where it was with batches of
            this size to one agent.
        seconds: What it took.
    """

    requests: int
    utterances: int
    asked: int
    wrong: int
    hit_rate: float
    evictions: int
    highest_bytes: int
    highest_growth: int
    seconds: float


def drive(model: IntentModel, fleet: Fleet, requests: int, batch: int, seed: int = 0, measure: int = 50) -> Traffic:
    """Ask agents with Zipf-distributed frequency (exponent 1), and check every answer.

    Args:
        model: It knows the fleet.
        fleet: What is asked.
        requests: Calls of `predict`.
        batch: Texts in a call, each with its own agent.
        seed: Of the traffic.
        measure: Look at the memory every so many requests.
    """
    draw = random.Random(seed)
    order = draw.sample(range(len(fleet.names)), len(fleet.names))
    weights = [1 / rank for rank in range(1, len(order) + 1)]
    for _ in range(20):  # as much as one agent needs for batches of this size is not the store's
        model.predict(draw.choices(TEXTS, k=batch), agents=fleet.names[order[0]])
    before, start = resident_memory(trim=False), model.stats
    wrong = highest = growth = 0
    asked: set[int] = set()
    started = time.perf_counter()
    for request in range(requests):
        agents = draw.choices(order, weights, k=batch)
        texts = draw.choices(range(len(TEXTS)), k=batch)
        asked.update(agents)
        answers = model.predict([TEXTS[i] for i in texts], agents=[fleet.names[i] for i in agents])
        for agent, text, answer in zip(agents, texts, answers, strict=True):
            expected = fleet.answer(agent, text)
            right = answer.label in expected and all(
                abs(score - expected.get(label, -1)) < 1e-3 for label, score in answer.top_k
            )
            wrong += not (right and answer.score >= max(expected.values()) - 1e-3)
        highest = max(highest, model.stats.bytes)
        if request % measure == 0 or request == requests - 1:
            growth = max(growth, resident_memory(trim=False) - before)
    seconds = time.perf_counter() - started
    end = model.stats
    hits, misses = end.hits - start.hits, end.misses - start.misses
    return Traffic(
        requests=requests,
        utterances=requests * batch,
        asked=len(asked),
        wrong=wrong,
        hit_rate=hits / (hits + misses),
        evictions=end.evictions - start.evictions,
        highest_bytes=highest,
        highest_growth=growth,
        seconds=seconds,
    )


def main() -> None:
    """Measure on a real base and print JSON."""
    parser = argparse.ArgumentParser(description="Zipf-distributed traffic over a folder of agents")
    parser.add_argument("--base", default=None, help="folder of the base; all-MiniLM-L6-v2 if left out")
    parser.add_argument("--agents", type=int, default=10_000)
    parser.add_argument("--distinct", type=int, default=200, help="different sets of weights")
    parser.add_argument("--labels", type=int, default=77)
    parser.add_argument("--budget", type=int, default=64 * 2**20, help="bytes")
    parser.add_argument("--dtype", choices=["float32", "float16"], default="float16", help="of resident adapters")
    parser.add_argument("--requests", type=int, default=1500)
    parser.add_argument("--batch", type=int, default=16)
    arguments = parser.parse_args()
    base = SentenceTransformer(arguments.base or str(minilm_path()), device="cpu")
    with tempfile.TemporaryDirectory() as folder:
        fleet = write_fleet(
            Path(folder), base, arguments.agents, arguments.distinct, labels=arguments.labels, bottleneck_size=16
        )
        registered = resident_memory()
        model = IntentModel(base, max_adapter_bytes=arguments.budget, adapter_dtype=arguments.dtype)
        model.register_adapters({name: Path(folder, name) for name in fleet.names})
        registered = resident_memory() - registered
        traffic = drive(model, fleet, arguments.requests, arguments.batch)
    share = traffic.highest_growth / arguments.budget
    print(json.dumps({**vars(arguments), **asdict(traffic), "growth_of_budget": share, "registry_bytes": registered}))  # noqa: T201


if __name__ == "__main__":
    main()
