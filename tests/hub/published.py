"""A tiny base and agents on it, published on the loopback Hub past the API, for tests that are about loading."""

from __future__ import annotations

from pathlib import Path

from sentence_transformers import SentenceTransformer

from intent_adapters.artifacts.fingerprint import fingerprint
from intent_adapters.loading import load_base
from tests.support.adapters import random_adapter
from tests.support.loopback_hub import LoopbackHub
from tests.support.tiny import tiny_base

CONFIG, WEIGHTS, CARD = "adapter_config.json", "adapter_model.safetensors", "README.md"
TEXTS = ["예약 취소해 주세요", "cancel"]


def read_folder(folder: Path) -> dict[str, bytes]:
    """The files of a folder, as a Hub keeps them."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def make_base(folder: Path) -> SentenceTransformer:
    """A tiny base, saved in `folder` / "saved" and loaded from there."""
    tiny_base(folder).save_pretrained(str(folder / "saved"), create_model_card=False)
    return load_base(folder / "saved", device="cpu")


def make_adapter(folder: Path, base: SentenceTransformer, seed: int = 0, **settings: object) -> dict[str, bytes]:
    """The files of an adapter with random weights that knows its base."""
    settings = {"labels": 4, "base_fingerprint": fingerprint(base), **settings}
    random_adapter(base, seed=seed, **settings).write(folder)
    return {**read_folder(folder), CARD: b"---\nlibrary_name: peft\n---\n# An agent\n"}


def put_all(hub: LoopbackHub, base: dict[str, bytes], adapter: dict[str, bytes]) -> None:
    """Publish one base and one agent."""
    hub.put("org/base", base)
    hub.put("org/clinic", adapter)
