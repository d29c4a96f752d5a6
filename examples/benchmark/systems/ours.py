"""This library, through its public face alone: text in, `Prediction` out."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import torch

from examples.benchmark.measured_system import AgentSystem, Case, Disk, need
from examples.benchmark.random_agents import write_random_agents
from examples.benchmark.systems.building_blocks import save_encoder
from examples.benchmark.workers.measuring import agent_folder, folder_bytes
from intent_adapters import IntentModel, Prediction

AGENTS = "ours"


class OursTorch(AgentSystem):
    """The torch backend."""

    name: ClassVar[str] = "ours-torch"
    title: ClassVar[str] = "ours, PyTorch"
    reference = "bare-torch"

    def write_files(self) -> Disk:
        folder = self.base_folder()
        self.write_base(folder)
        if not agent_folder(self.plan.work, AGENTS, 0).exists():
            self._write_agents()
        return Disk(folder_bytes(folder), folder_bytes(agent_folder(self.plan.work, AGENTS, 0)))

    def base_folder(self) -> Path:
        """Where the base that is opened lies."""
        return Path(self.plan.work, self.name, "base")

    def write_base(self, folder: Path) -> None:
        """Save the base as this system opens it."""
        save_encoder(self.plan.base, folder)

    def _write_agents(self) -> None:
        given = self.plan.adapters
        for index, source in zip(range(self.plan.agents), given * self.plan.agents, strict=False):
            shutil.copytree(source, agent_folder(self.plan.work, AGENTS, index))
        if not given:
            folders = [agent_folder(self.plan.work, AGENTS, index) for index in range(self.plan.agents)]
            write_random_agents(self.plan.base, folders, labels=self.plan.labels, seed=self.plan.seed)

    def open(self) -> None:
        self.model = IntentModel.from_pretrained(self.base_folder(), device="cpu")

    def load(self, index: int) -> None:
        folder = agent_folder(self.plan.work, AGENTS, index % self.plan.agents)
        self.model.load_adapter(folder, name=f"agent-{index}")

    def predict(self, texts: list[str], agents: Sequence[int]) -> list[Prediction]:
        if len(texts) == 1:
            return [self.model.predict(texts[0], f"agent-{agents[0]}")]
        return self.model.predict(texts, [f"agent-{agent}" for agent in agents])


class OursHalf(OursTorch):
    """The base saved in half precision, which computes in single precision: only its files are looked at."""

    name = "ours-fp16"
    title = "ours, base saved in fp16"
    most_loads = 0
    note = "Only its files are looked at: once loaded it computes in float32, as the base saved in float32 does."

    def write_base(self, folder: Path) -> None:
        save_encoder(self.plan.base, folder, torch.float16)

    def prepare(self) -> None:
        """Nothing is timed."""

    def cases(self) -> list[Case]:
        return []


class _OursOnnx(OursTorch):
    precision: ClassVar[str]

    def write_base(self, folder: Path) -> None:
        need("onnx", "intent-adapters[export]")
        need("onnxruntime", "intent-adapters[export]")
        from intent_adapters.cli import app  # here, so that where times and memory are taken it is not loaded

        app(["export", self.plan.base, str(folder), "--precision", self.precision], standalone_mode=False)

    def open(self) -> None:
        self.model = IntentModel.from_pretrained(self.base_folder(), backend="onnx")


class OursOnnx(_OursOnnx):
    """ONNX Runtime in single precision."""

    name = "ours-onnx-fp32"
    title = "ours, ONNX Runtime fp32"
    reference = "bare-onnx-fp32"
    precision = "float32"


class OursOnnxInt8(_OursOnnx):
    """ONNX Runtime with the base's weights in int8."""

    name = "ours-onnx-int8"
    title = "ours, ONNX Runtime int8"
    reference = "bare-onnx-int8"
    precision = "int8"
