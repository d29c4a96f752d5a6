from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from intent_adapters import IntentModel
from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.loading import load_onnx_base
from intent_adapters.runtime.onnx.export import export_folder
from intent_adapters.serving.app import App
from intent_adapters.serving.service import Service
from intent_adapters.serving.settings import Settings
from tests.support.adapters import random_adapter
from tests.support.loopback_hub.fixture import hub
from tests.support.tiny_files import write_tiny_base

__all__ = ["hub"]

NAMES = ("clinic", "예약 상담", "it")


@pytest.fixture(scope="session")
def adapters(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Adapter]]:
    """A tiny base, in PyTorch and in ONNX, and adapters for it."""
    folder = write_tiny_base(tmp_path_factory.mktemp("serving") / "base")
    export_folder(folder, None, precision="float32")
    base = load_onnx_base(folder)
    return folder, [random_adapter(base, labels=4, seed=seed, threshold=0.3) for seed in range(6)]


@pytest.fixture
def base(adapters) -> Path:
    return adapters[0]


@pytest.fixture
def agents(adapters, tmp_path: Path) -> Path:
    """A folder with an agent for each of `NAMES`."""
    for name, adapter in zip(NAMES, adapters[1], strict=False):
        adapter.write(tmp_path / "agents" / name)
    return tmp_path / "agents"


@pytest.fixture
def model(base: Path, agents: Path) -> IntentModel:
    """What the server must answer like."""
    return IntentModel.from_pretrained(base, backend="onnx", adapter_dir=agents, threads=1)


TEACHER, USER = "a-token-that-may-train", "a-token-for-all-agents"


def write_tokens(folder: Path, *taught: str) -> Path:
    """A file with a token that may train some agents, and one that may ask all."""
    file = folder / "tokens.toml"
    agents = ", ".join(f'"{agent}"' for agent in taught)
    file.write_text(
        f'[[tokens]]\ntoken = "{TEACHER}"\nagents = [{agents}]\ntrain = true\n[[tokens]]\ntoken = "{USER}"\n',
        encoding="utf-8",
    )
    return file


Serve = Callable[..., TestClient]


@pytest.fixture
def serve(base: Path, agents: Path) -> Iterator[Serve]:
    """Starts a server in this process, with settings."""
    clients: list[TestClient] = []

    def start(**settings: object) -> TestClient:
        chosen = Settings(base=str(base), agents=agents, **settings)
        model = IntentModel.from_pretrained(
            base, backend="onnx", threads=1, max_adapter_bytes=chosen.max_adapter_bytes
        )
        client = TestClient(App(Service(chosen, model)))
        clients.append(client.__enter__())
        return client

    yield start
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture
def client(serve: Serve) -> TestClient:
    return serve()
