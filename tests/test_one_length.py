"""Training, both runtimes and the saved base read texts up to the same token, and say what lies beyond it."""

from __future__ import annotations

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from intent_adapters import BottleneckConfig, IntentModel
from intent_adapters.errors import BaseError, ConfigError, DataWarning
from intent_adapters.runtime.onnx.export import export_base
from intent_adapters.training import train_agent
from tests.support.tiny import tiny_base

SHORT, LONG = 12, 60
# What tells the intents apart is behind the 12th token (a token is a character).
GREETING = "good morning to you all"
ROWS = [
    {"text": f"{GREETING} {text}", "label": label}
    for label, texts in {
        "cancel": ["cancel it", "cancel", "cancel now"],
        "price": ["price", "the price", "a price?"],
    }.items()
    for text in texts
]
TEXTS = [row["text"] for row in ROWS]


@pytest.fixture
def base(tmp_path):
    base = tiny_base(tmp_path)
    base.max_seq_length = SHORT
    return base


def train(model, name="agent", rows=ROWS, **settings):
    return train_agent(
        model, name, rows, **{"progress": False, "calibrate": False, "method": "probe", "replace": True, **settings}
    )


@pytest.mark.parametrize("tokenizer", ["fast", "the model's own"])
@pytest.mark.parametrize("method", ["adapter", "full", "probe"])
def test_a_length_set_on_a_models_base_counts_for_training_and_answers(base, method, tokenizer, monkeypatch):
    if tokenizer != "fast":
        monkeypatch.setattr("intent_adapters.runtime.tokens.FastTokenizer", RefusedTokenizer)
    model = IntentModel(base)
    model.encode(TEXTS)
    model.base.max_seq_length = LONG
    settings = {} if method == "probe" else {"epochs": 40, "learning_rate": 5e-3}
    trained = train(model, method=method, **settings).model
    assert [answer.label for answer in trained.predict(TEXTS, "agent")] == [row["label"] for row in ROWS]
    assert np.allclose(model.encode(TEXTS), model.base.encode(TEXTS, prompt=""), atol=1e-5)


class RefusedTokenizer:
    """One that never gives what the base gives."""

    @classmethod
    def of(cls, tokenizer):
        return cls()

    def __call__(self, texts):
        return self

    def batch(self, rows):
        return {}


def test_the_saved_and_the_exported_base_read_as_far(base, tmp_path):
    model = IntentModel(base)
    model.base.max_seq_length = LONG
    expected = model.encode(TEXTS)
    model.save_base(tmp_path / "saved")
    export_base(model.base, tmp_path / "onnx", precision="float32")
    saved = IntentModel.from_pretrained(tmp_path / "saved", device="cpu")
    exported = IntentModel.from_pretrained(tmp_path / "onnx", backend="onnx")
    assert saved.base.max_seq_length == LONG
    for other in (saved, exported):
        assert np.allclose(other.encode(TEXTS), expected, atol=1e-4)


@pytest.fixture
def said(recwarn):
    return lambda: [str(warning.message) for warning in recwarn if warning.category is DataWarning]


def test_texts_that_are_cut_are_counted_and_those_that_become_alike(base, said):
    rows = [*ROWS, {"text": "cancel", "label": "cancel"}, {"text": "when do you open", "label": "hours"}]
    train(IntentModel(base), rows=rows)
    [cut] = said()
    assert cut.startswith(f"7 of 8 training texts have more than the {SHORT} tokens")
    assert "model.base.max_seq_length" in cut
    assert "6 of them are cut to" in cut and cut.endswith("of 'cancel' and 'price'.")


def test_a_prompt_counts(base, said):
    model = IntentModel(base)
    rows = [{"text": "cancel", "label": "cancel"}, {"text": "price", "label": "price"}]
    train(model, rows=rows)
    assert said() == []
    train(model, rows=rows, config=BottleneckConfig(prompt="question: "))
    assert said()[0].startswith("2 of 2")


def test_texts_that_just_fit_are_not_called_cut(base, said):
    rows = [{"text": letter * (SHORT - 2), "label": letter} for letter in "ab"]  # and two special tokens
    train(IntentModel(base), rows=rows)
    assert said() == []


def test_a_base_that_cuts_its_embeddings_is_refused(tmp_path):
    tiny_base(tmp_path).save_pretrained(str(tmp_path / "saved"))
    with pytest.raises(BaseError, match="truncate_dim=8"):
        IntentModel(SentenceTransformer(str(tmp_path / "saved"), truncate_dim=8, device="cpu"))


@pytest.mark.parametrize(("architecture", "positions"), [("bert", 66), ("xlm-roberta", 65), ("mpnet", 64)])
def test_a_length_beyond_the_encoders_positions_is_refused_in_our_words(tmp_path, architecture, positions):
    model = IntentModel(tiny_base(tmp_path, architecture))
    long = "a" * 200
    model.base.max_seq_length = positions
    expected = model.encode(long)
    model.base.max_seq_length = positions + 1
    for call in (model.encode, lambda text: train(model, rows=[{"text": text, "label": "a"}, *ROWS])):
        with pytest.raises(ConfigError, match=f"{positions + 1}.*positions for {positions} tokens"):
            call(long)
    model.base.max_seq_length = positions
    assert np.array_equal(model.encode(long), expected)


@pytest.mark.parametrize("length", [2, 0, -1, None, 16.0, "16", True])
def test_a_length_that_leaves_no_token_of_a_text_is_refused_in_our_words(base, length):
    model = IntentModel(base)
    model.base.max_seq_length = length
    for call in (lambda: model.encode("a"), lambda: train(model)):
        with pytest.raises(ConfigError, match="max_seq_length of the base is a whole number of at least 3"):
            call()
