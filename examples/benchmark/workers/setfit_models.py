"""SetFit: each agent a sentence encoder of its own and a logistic regression."""

from __future__ import annotations

import copy
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import sentence_transformers
import setfit
import torch
import transformers
from sklearn.linear_model import LogisticRegression

from .measuring import check_room, folder_bytes, measure_loading, seconds_of


class Peer:
    """See `loop.PeerProtocol`."""

    def write_files(self, plan: dict[str, Any]) -> dict[str, Any]:
        folder = _folder(plan)
        _new_model(plan).save_pretrained(str(folder))
        return {"base_bytes": 0, "agent_bytes": folder_bytes(folder)}

    def prepare(self, plan: dict[str, Any]) -> dict[str, Any]:
        agents = int(plan["agents"])
        check_room(f"{agents} SetFit models", agents * folder_bytes(_folder(plan)))
        first = _load(plan)
        self.models = [first, *(copy.deepcopy(first) for _ in range(agents - 1))]
        self.texts = list(plan["texts"])
        packages = (setfit, sentence_transformers, transformers, torch)
        return {"versions": {package.__name__: package.__version__ for package in packages}}

    def seconds(self, reference: bool, rows: int, agents: int, slice_seconds: float) -> list[float]:
        texts = self.texts[:rows]
        if reference:
            return seconds_of(_bare_call(self.models[0].model_body, texts), slice_seconds)
        if rows == 1:
            one_by_one = cycle(self.texts)
            return seconds_of(lambda: self.models[0].predict([next(one_by_one)]), slice_seconds)
        of_agent = [texts[agent::agents] for agent in range(agents)]

        def predict() -> None:
            for model, own in zip(self.models, of_agent, strict=False):
                model.predict(own, batch_size=rows)

        return seconds_of(predict, slice_seconds)

    def loading(self, plan: dict[str, Any], most: int, budget_seconds: float) -> dict[str, Any]:
        models: list[Any] = []

        def read(index: int) -> None:
            for weights in models[index].model_body.parameters():
                weights.sum()

        return measure_loading(lambda index: models.append(_load(plan)), read, most, budget_seconds)


def _folder(plan: dict[str, Any]) -> Path:
    return Path(plan["work"], "setfit", "agent")


def _load(plan: dict[str, Any]) -> Any:
    return setfit.SetFitModel.from_pretrained(str(_folder(plan)), device="cpu")


def _new_model(plan: dict[str, Any]) -> Any:
    body = sentence_transformers.SentenceTransformer(plan["base"], device="cpu")
    head: Any = LogisticRegression()
    random = np.random.default_rng(plan["seed"])
    head.classes_ = np.arange(plan["labels"])
    head.coef_ = random.standard_normal((plan["labels"], body.get_sentence_embedding_dimension()))
    head.intercept_ = np.zeros(plan["labels"])
    return setfit.SetFitModel(model_body=body, model_head=head)


def _bare_call(body: Any, texts: list[str]) -> Any:
    tokens = body.tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
    ids, mask = tokens["input_ids"], tokens["attention_mask"]

    def call() -> object:
        with torch.inference_mode():
            return body[0].auto_model(input_ids=ids, attention_mask=mask).last_hidden_state.mean(1)

    return call
