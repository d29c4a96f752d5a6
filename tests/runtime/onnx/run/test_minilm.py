from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from intent_adapters import IntentModel
from intent_adapters.loading import load_base
from intent_adapters.runtime.onnx.export import export_base
from tests.support.adapters import random_adapter
from tests.support.shared import minilm_path

TEXTS = [
    "i still have not received my new card",
    "what is the exchange rate for euros right now",
    "please cancel",
    "how do i change the address that my order is sent to, and how long will it take to arrive there then?",
]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[IntentModel, IntentModel]:
    base = load_base(minilm_path(), device="cpu")
    folder: Path = tmp_path_factory.mktemp("minilm") / "int8"
    exported = export_base(base, folder)
    assert exported.bytes < sum(tensor.numel() for tensor in base.parameters()) * 4 / 3.5
    models = IntentModel(base), IntentModel.from_pretrained(folder, backend="onnx", threads=1)
    for model in models:
        for seed in range(3):
            model.add_agent(f"agent {seed}", random_adapter(base, seed=seed, bottleneck_size=16))
    return models


def test_int8_agrees_with_torch(models: tuple[IntentModel, IntentModel]):
    torch_model, onnx_model = models
    cosines = (torch_model.encode(TEXTS) * onnx_model.encode(TEXTS)).sum(axis=1)
    assert cosines.min() > 0.985


def test_int8_gives_a_text_the_same_answer_alone_and_among_others(models: tuple[IntentModel, IntentModel]):
    onnx_model = models[1]
    texts, names = TEXTS * 3, [f"agent {index // len(TEXTS)}" for index in range(len(TEXTS) * 3)]
    together = onnx_model.encode(texts, names)
    alone = np.stack([onnx_model.encode(text, name) for text, name in zip(texts, names, strict=True)])
    assert (together * alone).sum(axis=1).min() > 0.9999
