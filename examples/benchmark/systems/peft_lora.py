"""PEFT LoRA with many adapters on one encoder, rows routed by `adapter_names`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoTokenizer

from examples.benchmark.measured_system import AgentSystem, Disk
from examples.benchmark.systems.building_blocks import (
    Head,
    answer,
    linear_head,
    mean_of_tokens,
    save_encoder,
    tokenise,
)
from examples.benchmark.workers.measuring import agent_folder, copy_agent, folder_bytes

HEAD_FILE = "head.safetensors"
RANK = 16


class _Lora(AgentSystem):
    reference = "bare-torch"
    targets: ClassVar[list[str] | str]
    note = (
        f"Rank {RANK}, random weights, and a linear head per agent of our own making, since PEFT cannot hold heads of "
        "several sizes. A batch of one agent runs with that adapter active, without adapter_names, which is faster."
    )

    def write_files(self) -> Disk:
        base = Path(self.plan.work, self.name, "base")
        save_encoder(self.plan.base, base)
        encoder: Any = AutoModel.from_pretrained(self.plan.base, dtype=torch.float32)
        config = LoraConfig(r=RANK, lora_alpha=RANK, target_modules=self.targets, init_lora_weights=False)
        model: Any = get_peft_model(encoder, config)
        folder = agent_folder(self.plan.work, self.name, 0)
        model.save_pretrained(str(folder))
        weight, bias = linear_head(self.plan.labels, encoder.config.hidden_size, self.plan.seed)
        save_file({"weight": weight, "bias": bias}, folder / HEAD_FILE)
        copy_agent(self.plan.work, self.name, self.plan.agents)
        return Disk(folder_bytes(base), folder_bytes(folder))

    def open(self) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(self.plan.base)
        self.model: Any = AutoModel.from_pretrained(self.plan.base, dtype=torch.float32).eval()
        self.heads: list[Head] = []

    def load(self, index: int) -> None:
        folder = agent_folder(self.plan.work, self.name, index % self.plan.agents)
        if index == 0:
            self.model = PeftModel.from_pretrained(self.model, str(folder), adapter_name=_adapter(0)).eval()
        else:
            self.model.load_adapter(str(folder), adapter_name=_adapter(index))
        head = load_file(folder / HEAD_FILE)
        self.heads.append((head["weight"], head["bias"]))

    def predict(self, texts: list[str], agents: Sequence[int]) -> list[tuple[int, float]]:
        tokens = tokenise(self.tokenizer, texts)
        routing = {}
        if len(set(agents)) > 1:
            routing = {"adapter_names": [_adapter(agent) for agent in agents]}
        elif self.model.active_adapter != _adapter(agents[0]):
            self.model.set_adapter(_adapter(agents[0]))
        with torch.inference_mode():
            hidden = self.model(**tokens, **routing).last_hidden_state
            return answer(mean_of_tokens(hidden, tokens["attention_mask"]), agents, self.heads)


def _adapter(index: int) -> str:
    return f"agent_{index}"


class LoraQueryValue(_Lora):
    """On the query and value projections, the usual choice."""

    name = "lora-qv"
    title = "PEFT LoRA on query and value, adapter_names"
    targets: ClassVar[list[str] | str] = ["query", "value"]


class LoraAllLinear(_Lora):
    """On all linear layers."""

    name = "lora-all"
    title = "PEFT LoRA on all linear layers, adapter_names"
    targets: ClassVar[list[str] | str] = "all-linear"
