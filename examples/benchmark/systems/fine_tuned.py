"""A whole fine-tuned model per agent, large or small: what most people deploy."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from examples.benchmark.measured_system import AgentSystem, Disk, NotMeasurable
from examples.benchmark.systems.building_blocks import rows_of_agents, tokenise
from examples.benchmark.workers.measuring import check_room, folder_bytes


class FineTuned(AgentSystem):
    """A sequence classification model of transformers for each agent."""

    most_loads = 8

    def source(self) -> str:
        return self.plan.base

    def write_files(self) -> Disk:
        folder = self._folder()
        model: Any = AutoModelForSequenceClassification.from_pretrained(
            self.source(), num_labels=self.plan.labels, dtype=torch.float32
        )
        model.save_pretrained(folder)
        AutoTokenizer.from_pretrained(self.source()).save_pretrained(folder)
        return Disk(0, folder_bytes(folder))

    def _folder(self) -> Path:
        return Path(self.plan.work, self.name, "agent")

    def open(self) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(self.source())
        self.models: list[Any] = []

    def load(self, index: int) -> None:
        model = AutoModelForSequenceClassification.from_pretrained(self._folder(), dtype=torch.float32)
        self.models.append(model.eval())

    def read(self, index: int) -> None:
        for weights in self.models[index].parameters():
            weights.sum()

    def predict(self, texts: list[str], agents: Sequence[int]) -> list[tuple[str, float]]:
        answers: dict[int, tuple[str, float]] = {}
        with torch.inference_mode():
            for agent, rows in rows_of_agents(agents).items():
                model = self.models[agent % len(self.models)]
                logits = model(**tokenise(self.tokenizer, [texts[row] for row in rows])).logits
                best = logits.softmax(-1).max(-1)
                labels = [model.config.id2label[label] for label in best.indices.tolist()]
                answers |= zip(rows, zip(labels, best.values.tolist(), strict=True), strict=True)
        return [answers[row] for row in range(len(texts))]


class SmallFineTuned(FineTuned):
    """The small encoder, fine-tuned: one copy of it for each agent."""

    name = "small-finetuned"
    title = "small model fine-tuned, one copy per agent"
    reference = "bare-torch"
    note = "Timing needs no trained weights: the classification heads are random."

    def prepare(self) -> None:
        models = f"{self.plan.agents} copies of the small model"
        check_room(models, self.plan.agents * folder_bytes(self._folder()))
        self.open()
        self.load(0)
        # Loading the same file again would map the same memory: an agent's model must have its own.
        self.models += [copy.deepcopy(self.models[0]) for _ in range(1, self.plan.agents)]


class LargeFineTuned(FineTuned):
    """The large encoder, fine-tuned. Copies would not fit into small machines: all agents run on one."""

    name = "large"
    title = "large model fine-tuned, one copy per agent"
    reference = "bare-torch"
    note = (
        "Timing needs no trained weights: the classification head is random. One copy serves for all agents' passes "
        "where times are taken, in its favour."
    )
    most_loads = 4

    def source(self) -> str:
        if self.plan.large is None:
            raise NotMeasurable("no large model was named: pass --large FOLDER, for example of all-mpnet-base-v2")
        return self.plan.large

    def texts(self) -> list[str]:
        return self.plan.large_texts

    def prepare(self) -> None:
        self.open()
        self.load(0)
