"""The same agents behind Ray Serve, for those whose platform wants that: a proxy of Ray takes the requests.

    serve run examples.cluster.ray_serve:app base=/shared/base-int8 agents=/shared/agents

It needs `pip install 'ray[serve]'`. Each request crosses Ray's proxy, which costs several times what the answer does:
examples.cluster.measure compares the two in one run. What the server has besides answers (tokens, limits, metrics,
agents that come and go) is not here.
"""

from __future__ import annotations

import json
import os
import socket
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray
from ray import serve
from starlette.requests import Request
from starlette.responses import JSONResponse

MAX_ROWS = 64


@serve.deployment(ray_actor_options={"num_cpus": 1}, max_ongoing_requests=256)
class Intents:
    """Answers `{"text", "agent"}`; what comes in at the same time is one batch, whatever its agents."""

    def __init__(self, base: str, agents: str) -> None:
        from intent_adapters import IntentModel

        self._model = IntentModel.from_pretrained(base, backend="onnx", adapter_dir=agents, threads=1)

    @serve.batch(max_batch_size=MAX_ROWS, batch_wait_timeout_s=0.0)
    async def _answer(self, rows: list[dict[str, str]]) -> list[dict[str, Any]]:
        texts, agents = [row["text"] for row in rows], [row["agent"] for row in rows]
        answers = self._model.predict(texts, agents, errors="return")
        return [
            {"error": str(answer)} if isinstance(answer, Exception) else answer.to_dict()  # type: ignore[union-attr]
            for answer in answers
        ]

    async def __call__(self, request: Request) -> JSONResponse:
        return JSONResponse(await self._answer(await request.json()))


def app(arguments: dict[str, str]) -> Any:
    """What `serve run` and the manifest of KubeRay build."""
    return Intents.bind(arguments["base"], arguments["agents"])


@ray.remote(num_cpus=0)
def _parent() -> int:
    return os.getppid()


@contextmanager
def serving(base: str, agents: Path) -> Iterator[tuple[int, int]]:
    """Ray Serve on this machine: its port, and the number of the process whose children all workers of Ray are."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    serve.start(http_options={"host": "127.0.0.1", "port": port})
    serve.run(app({"base": base, "agents": str(agents)}), route_prefix="/")
    try:
        name = sorted(path.name for path in agents.iterdir() if not path.name.startswith("."))[0]
        body = json.dumps({"text": "hello", "agent": name}).encode()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", body, timeout=60) as answer:
            json.load(answer)
        yield port, ray.get(_parent.remote())
    finally:
        serve.shutdown()
