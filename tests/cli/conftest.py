from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from intent_adapters.cli import app, console
from intent_adapters.extras import is_installed
from intent_adapters.loading import load_onnx_base
from intent_adapters.runtime.onnx.export import export_folder
from tests.support.adapters import random_adapter
from tests.support.tiny_files import write_tiny_base


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that no table breaks the words that a test looks for."""
    monkeypatch.setattr(console.out, "width", 200)


@dataclass(frozen=True)
class Agents:
    """A tiny base on disk, which both backends can run, and two agents that know their base."""

    base: Path
    it: Path
    hr: Path


@pytest.fixture(scope="session")
def agents(tmp_path_factory: pytest.TempPathFactory) -> Agents:
    folder = tmp_path_factory.mktemp("cli")
    write_tiny_base(folder / "base")
    export_folder(folder / "base", None, precision="float32")
    base = load_onnx_base(folder / "base")
    for seed, name in ((0, "it"), (2, "hr")):  # whose answers differ
        adapter = random_adapter(
            base,
            labels=4,
            seed=seed,
            base_model_name_or_path=str(folder / "base"),
            base_fingerprint=base.description.fingerprint,
        )
        adapter.write(folder / name)
    return Agents(folder / "base", folder / "it", folder / "hr")


@pytest.fixture(scope="session")
def exported(agents: Agents, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The base of the agents in ONNX, in float32."""
    folder = tmp_path_factory.mktemp("exported") / "base"
    assert run("export", agents.base, folder, "--precision", "float32").exit_code == 0
    return folder


def run(*arguments: object, stdin: str | bytes | None = None, encoding: str = "utf-8") -> Result:
    if is_installed("transformers"):
        from transformers.utils import logging

        logging.disable_progress_bar()  # as in a process of its own, where they are off before this is imported
    return CliRunner(charset=encoding).invoke(app, [str(argument) for argument in arguments], input=stdin)
