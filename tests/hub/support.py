"""What the tests of publishing and fetching share: a tiny base on disk, and agents that stand on it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from sentence_transformers import SentenceTransformer

from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.artifacts.base import save_base
from intent_adapters.hub import Published, publish_adapter, publish_base
from intent_adapters.loading import load_base
from tests.support.adapters import random_adapter
from tests.support.tiny import tiny_base


@dataclass(frozen=True)
class Base:
    """A tiny base and where it is saved."""

    model: SentenceTransformer
    folder: Path
    fingerprint: str

    def adapter(self, seed: int = 0, **settings) -> Adapter:
        return random_adapter(self.model, seed=seed, base_fingerprint=self.fingerprint, **settings)

    def publish(self, repo_id: str = "org/base", **options) -> Published:
        return publish_base(self.folder, repo_id, self.fingerprint, **options)

    def publish_agent(self, repo_id: str = "org/clinic", seed: int = 0, **options) -> Published:
        return publish_adapter(self.adapter(seed), repo_id, base="org/base", **options)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    folder = tmp_path_factory.mktemp("hub")
    fingerprint = save_base(tiny_base(folder), folder / "saved")
    return Base(load_base(folder / "saved", device="cpu"), folder / "saved", fingerprint)


def python_blocks(card: str) -> list[str]:
    """The Python code of a card."""
    return [block for _, block in re.findall(r"^(`{3,})python\n(.*?)^\1$", card, re.MULTILINE | re.DOTALL)]
