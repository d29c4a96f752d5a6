"""One publishes a base and fifty agents, another loads the base and three of them: same answers, nothing too much."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from intent_adapters import IntentModel
from tests.hub.published import CARD, CONFIG, TEXTS, WEIGHTS, make_base
from tests.support.adapters import random_adapter
from tests.support.loopback_hub import LoopbackHub, environment
from tests.support.shared import minilm_path

SERVE = """
import json, sys
from intent_adapters import IntentModel
for line in sys.stdin:
    base, agents, texts, options = json.loads(line)
    model = IntentModel.from_pretrained(base, adapter=agents, device="cpu", **options)
    rows = [(text, agent) for text in texts for agent in model.agents]
    answers = model.predict([text for text, _ in rows], agents=[agent for _, agent in rows], top_k=4)
    print(json.dumps([[a.agent, [(label, score.hex()) for label, score in a.top_k]] for a in answers]), flush=True)
"""


class Elsewhere:
    """Another process, of another user with a cache of its own, that loads and answers."""

    def __init__(self, hub: LoopbackHub, home: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVE],
            env=environment(hub, home, token=hub.add_user("bob", role="read")),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Elsewhere:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def load(self, base: str | None, agents: dict[str, str], texts: list[str], **options: object) -> list:
        """What the agents answer there: scores to the last bit."""
        assert self.process.stdin and self.process.stdout and self.process.stderr
        print(json.dumps([base, agents, texts, options]), file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        assert answer, self.process.stderr.read()
        return json.loads(answer)


def answers_of(model: IntentModel, agents: list[str], texts: list[str]) -> list:
    rows = [(text, agent) for text in texts for agent in agents]
    found = model.predict([text for text, _ in rows], agents=[agent for _, agent in rows], top_k=4)
    return [[a.agent, [[label, score.hex()] for label, score in a.top_k]] for a in found]


def publish(hub: LoopbackHub, model: IntentModel, size: int = 4, labels: int = 7) -> None:
    """The base and fifty agents, all different."""
    model.push_base("org/base")
    for number in range(50):
        adapter = random_adapter(
            model.base, 2 + number % labels, number, bottleneck_size=size, base_fingerprint=model.fingerprint
        )
        model.add_agent(f"agent-{number:02}", adapter)
        model.push_adapter(f"agent-{number:02}", f"org/agent-{number:02}")
    assert sum(repo_id.startswith("org/agent-") for repo_id in hub.storage.repos) == 50


def exchange(hub: LoopbackHub, model: IntentModel, texts: list[str], places: list[Elsewhere]) -> None:
    """Another one loads the base and three agents, loads them again, and again without a network."""
    agents = ["agent-03", "agent-31", "agent-49"]
    wanted = answers_of(model, agents, texts)
    ids = {agent: f"org/{agent}" for agent in agents}
    sizes = {f"org/base/{path}": len(content) for path, content in hub.files("org/base").items()}
    del sizes["org/base/.gitattributes"]
    for agent in agents:
        sizes |= {f"org/{agent}/{path}": len(hub.files(f"org/{agent}")[path]) for path in (CONFIG, WEIGHTS, CARD)}

    hub.log.clear()
    assert places[0].load("org/base", ids, texts) == wanted
    assert hub.log.bytes_by_path() == sizes
    assert hub.log.downloaded == sum(sizes.values())

    hub.log.clear()
    assert places[1].load("org/base", ids, texts) == wanted
    assert len(hub.log) > 0
    assert hub.log.downloads == []

    hub.log.clear()
    assert places[2].load("org/base", ids, texts, local_files_only=True) == wanted
    assert len(hub.log) == 0


def test_one_publishes_fifty_agents_and_another_loads_three(hub: LoopbackHub, tmp_path: Path):
    model = IntentModel(make_base(tmp_path / "base"))
    with Elsewhere(hub, tmp_path / "b") as place:
        publish(hub, model)
        exchange(hub, model, TEXTS, [place] * 3)
        assert_finds_its_base(hub, model, place)


def assert_finds_its_base(hub: LoopbackHub, model: IntentModel, place: Elsewhere) -> None:
    """An agent alone finds the base that it was trained on, by its commit: later pushes do not matter."""
    pinned = hub.storage.repos["org/base"].head.oid
    hub.put("org/base", {"model.safetensors": b"a later version"})
    written = json.loads(hub.files("org/agent-10")[CONFIG])
    assert (written["base_model_name_or_path"], written["revision"]) == ("org/base", pinned)
    assert place.load(None, {"agent-10": "org/agent-10"}, TEXTS) == answers_of(model, ["agent-10"], TEXTS)


@pytest.mark.slow
def test_a_real_base_and_its_agents_in_processes_of_their_own(hub: LoopbackHub, tmp_path: Path):
    model = IntentModel.from_pretrained(minilm_path(), device="cpu")
    publish(hub, model, size=16, labels=77)
    with ExitStack() as stack:
        places = [stack.enter_context(Elsewhere(hub, tmp_path / "b")) for _ in range(3)]
        exchange(hub, model, ["I lost my card", "카드를 잃어버렸어요"], places)
        assert_finds_its_base(hub, model, places[0])
