"""The bases that we release: complete, usable without this package, and as good as their cards say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from sentence_transformers import SentenceTransformer

from intent_adapters.artifacts.fingerprint import fingerprint
from intent_adapters.loading import load_base
from intent_adapters.training.base.sts import sts_evaluator
from tests.support.shared import shared_path

CARDS = Path(__file__).parents[1] / "model_cards"
FOLDER = CARDS / "intent-base-ko-en"
ENGLISH = CARDS / "intent-base-en"


@pytest.fixture(scope="module")
def model():
    return SentenceTransformer(str(FOLDER), device="cpu")


@pytest.mark.parametrize(
    ("folder", "pieces"), [(FOLDER, 32_768), (ENGLISH, 30_522)], ids=lambda value: str(value)[-5:]
)
def test_shape_and_settings(folder, pieces):
    model = SentenceTransformer(str(folder), device="cpu")
    config = model[0].auto_model.config
    shape = (config.num_hidden_layers, config.hidden_size, config.intermediate_size, config.num_attention_heads)
    assert shape == (6, 384, 1536, 12)
    assert config.vocab_size == len(model.tokenizer) == pieces
    assert model.max_seq_length == 128
    assert not any(model.prompts.values())
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert sum(file.stat().st_size for file in folder.rglob("*")) < 50_000_000
    assert not list(folder.rglob("*.bin"))
    assert json.loads((folder / "modules.json").read_text())[-1]["type"].endswith("Normalize")


def test_english_paraphrases_are_near():
    model = SentenceTransformer(str(ENGLISH), device="cpu")
    texts = ["please cancel my booking", "I'd like to call off the reservation", "how much is on my account?"]
    cosines = model.similarity(*[model.encode(texts, convert_to_tensor=True)] * 2)
    assert cosines[0, 1] > cosines[0, 2] + 0.3


def test_paraphrases_are_near_in_both_languages_and_across(model):
    texts = [
        "예약을 취소하고 싶어요",
        "예약 취소해 주세요",
        "cancel my appointment",
        "오늘 날씨 어때?",
        "What is the weather today?",
    ]
    cosines = model.similarity(*[model.encode(texts, convert_to_tensor=True)] * 2)
    torch.testing.assert_close(cosines.diagonal(), torch.ones(5))
    for near, far in [((0, 1), (0, 3)), ((0, 2), (0, 4)), ((3, 4), (3, 2)), ((2, 0), (2, 4))]:
        assert cosines[near] > cosines[far] + 0.3


@pytest.mark.parametrize("folder", [FOLDER, ENGLISH], ids=lambda value: value.name)
def test_it_is_a_base_for_agents(folder):
    base = load_base(folder, device="cpu")
    assert not any(parameter.requires_grad for parameter in base.parameters())
    assert fingerprint(base) in (folder / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_korsts_as_on_the_card(model):
    scores = sts_evaluator(shared_path("data/sts/korsts_dev.tsv"))(model)
    assert scores["sts_spearman_cosine"] == pytest.approx(0.8095, abs=5e-4)
