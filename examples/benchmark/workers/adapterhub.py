"""AdapterHub's `adapters`: Houlsby bottlenecks on one encoder, a batch split by agent with BatchSplit."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path
from typing import Any

import adapters
import torch
import transformers
from adapters.composition import BatchSplit
from safetensors.torch import load_file, save_file

from .measuring import agent_folder, copy_agent, folder_bytes, measure_loading, seconds_of

SYSTEM = "adapterhub"
BOTTLENECK = 16
HEAD_FILE = "head.safetensors"


class Peer:
    """See `loop.PeerProtocol`."""

    def write_files(self, plan: dict[str, Any]) -> dict[str, Any]:
        base = Path(plan["work"], SYSTEM, "base")
        self._open(plan)
        torch.manual_seed(plan["seed"])
        self.model.save_pretrained(str(base))
        self.tokenizer.save_pretrained(str(base))
        size = self.model.config.hidden_size
        self.model.add_adapter("agent_0", config=adapters.DoubleSeqBnConfig(reduction_factor=size / BOTTLENECK))
        for name, parameter in self.model.named_parameters():
            if "agent_0" in name:
                torch.nn.init.normal_(parameter, std=0.02)
        folder = agent_folder(plan["work"], SYSTEM, 0)
        folder.mkdir(parents=True)
        self.model.save_adapter(str(folder), "agent_0")
        save_file(torch.nn.Linear(size, plan["labels"]).state_dict(), folder / HEAD_FILE)
        copy_agent(plan["work"], SYSTEM, plan["agents"])
        return {"base_bytes": folder_bytes(base), "agent_bytes": folder_bytes(folder)}

    def prepare(self, plan: dict[str, Any]) -> dict[str, Any]:
        self._open(plan)
        for index in range(plan["agents"]):
            self._load(plan, index)
        # The bare encoder must be free of what `adapters.init` does to a model.
        self.bare = _new_encoder(plan["base"])
        self.texts = list(plan["texts"])
        return {"versions": {package.__name__: package.__version__ for package in (adapters, transformers, torch)}}

    def seconds(self, reference: bool, rows: int, agents: int, slice_seconds: float) -> list[float]:
        if rows == 1 and not reference:
            texts = cycle(self.texts)
            return seconds_of(lambda: self._predict([next(texts)], [0]), slice_seconds)
        texts_now = self.texts[:rows]
        if not reference:
            owners = [row % agents for row in range(rows)]
            return seconds_of(lambda: self._predict(texts_now, owners), slice_seconds)
        tokens = self._tokenise(texts_now)

        def bare() -> object:
            with torch.inference_mode():
                return self.bare(**tokens).last_hidden_state.mean(1)

        return seconds_of(bare, slice_seconds)

    def loading(self, plan: dict[str, Any], most: int, budget_seconds: float) -> dict[str, Any]:
        self._open(plan)
        # Loading copies the weights: there is nothing left to be read.
        return measure_loading(lambda index: self._load(plan, index), lambda index: None, most, budget_seconds)

    def _open(self, plan: dict[str, Any]) -> None:
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(plan["base"])
        self.model = _new_encoder(plan["base"])
        adapters.init(self.model)
        self.heads: list[Any] = []

    def _load(self, plan: dict[str, Any], index: int) -> None:
        folder = agent_folder(plan["work"], SYSTEM, index % plan["agents"])
        self.model.load_adapter(str(folder), load_as=f"agent_{index}")
        self.model.eval()
        self.heads.append(load_file(folder / HEAD_FILE))

    def _tokenise(self, texts: list[str]) -> dict[str, Any]:
        tokens = self.tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
        return {"input_ids": tokens["input_ids"], "attention_mask": tokens["attention_mask"]}

    def _predict(self, texts: list[str], agents: list[int]) -> list[tuple[int, float]]:
        order = sorted(range(len(texts)), key=lambda row: agents[row])
        names = list(dict.fromkeys(agents[row] for row in order))
        counts = [agents.count(name) for name in names]
        if len(names) == 1:
            active: Any = f"agent_{names[0]}"
        else:
            active = BatchSplit(*(f"agent_{name}" for name in names), batch_sizes=counts)
        self.model.set_active_adapters(active)
        with torch.inference_mode():
            hidden = self.model(**self._tokenise([texts[row] for row in order])).last_hidden_state
            embeddings = torch.nn.functional.normalize(hidden.mean(1), dim=-1)
            answers: list[tuple[int, float]] = []
            for name, rows in zip(names, embeddings.split(counts), strict=True):
                head = self.heads[name]
                best = torch.nn.functional.linear(rows, head["weight"], head["bias"]).softmax(-1).max(-1)
                answers += zip(best.indices.tolist(), best.values.tolist(), strict=True)
        by_row = dict(zip(order, answers, strict=True))
        return [by_row[row] for row in range(len(texts))]


def _new_encoder(base: str) -> Any:
    return transformers.AutoModel.from_pretrained(base, torch_dtype="float32").eval()
