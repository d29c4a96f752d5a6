"""Masked language modelling from random weights: it learns, repeats itself, resumes, and leaves a plain model."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from transformers import Trainer, TrainerCallback

from intent_adapters.errors import ConfigError, DataError
from intent_adapters.training.base.pretraining import MaskedTraining, pack_blocks, pretrain
from intent_adapters.training.base.run import checkpoint_folder
from tests.support.tiny import tiny_tokenizer

TEXTS = ["예약 취소해 주세요", "진료비 얼마", "abc def ghi"] * 20
SHAPE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
SHORT = MaskedTraining(
    steps=8, batch_size=4, block_length=16, learning_rate=5e-3, warmup_steps=1, save_every=4, log_every=1
)


def run(folder, **settings):
    arguments = {"shape": SHAPE, "training": SHORT, "device": "cpu", **settings}
    return pretrain(TEXTS, tiny_tokenizer(), folder, **arguments)


def losses(log):
    return [entry["loss"] for entry in log if "loss" in entry]


def weights(folder):
    model = SentenceTransformer(str(folder), device="cpu")
    return torch.cat([value.detach().flatten() for name, value in model.named_parameters() if "pooler" not in name])


def test_it_learns_and_repeats_itself(tmp_path):
    first, second = run(tmp_path / "one"), run(tmp_path / "two")
    assert losses(first) == losses(second)
    assert torch.equal(weights(tmp_path / "one"), weights(tmp_path / "two"))
    assert sum(losses(first)[-2:]) < sum(losses(first)[:2])


def test_it_leaves_a_sentence_encoder_with_mean_pooling(tmp_path):
    run(tmp_path / "lm")
    model = SentenceTransformer(str(tmp_path / "lm"), device="cpu")
    hidden = model.encode("예약", output_value="token_embeddings")
    assert np.allclose(model.encode("예약"), hidden.mean(0).numpy(), atol=1e-6)
    assert model.max_seq_length == 128


def test_another_architecture_with_its_own_special_tokens_and_length(tmp_path):
    tokenizer = tiny_tokenizer()
    shape = {**SHAPE, "global_attn_every_n_layers": 2}
    run(tmp_path, architecture="modernbert", shape=shape, training=dataclasses.replace(SHORT, max_seq_length=24))
    model = SentenceTransformer(str(tmp_path), device="cpu")
    config = model[0].auto_model.config
    assert config.model_type == "modernbert"
    # The architecture's own are those of a vocabulary of 50,368 pieces.
    assert (config.pad_token_id, config.cls_token_id, config.sep_token_id) == (0, 2, 3)
    assert (tokenizer.pad_token_id, tokenizer.cls_token_id, tokenizer.sep_token_id) == (0, 2, 3)
    assert model.max_seq_length == 24
    assert model.encode("예약 취소해 주세요").shape == (32,)


class CutOff(TrainerCallback):
    def on_step_end(self, args, state, control, **_):
        if state.global_step == 5:
            raise KeyboardInterrupt


def test_a_run_that_was_cut_off_resumes_at_its_checkpoint(tmp_path, monkeypatch):
    whole = run(tmp_path / "whole")
    real = Trainer.__init__

    def cut(self, *args, **kwargs):
        real(self, *args, **kwargs)
        self.add_callback(CutOff())

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "__init__", cut)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "cut")
    with pytest.raises(ConfigError, match="earlier run"):
        run(tmp_path / "cut")
    before = (checkpoint_folder(tmp_path / "cut") / "checkpoint-4" / "model.safetensors").read_bytes()
    resumed = run(tmp_path / "cut", resume=True)
    # Up to the checkpoint it is the same run; then other tokens are masked.
    assert losses(resumed)[:4] == losses(whole)[:4]
    assert [entry["step"] for entry in resumed if "loss" in entry] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert (checkpoint_folder(tmp_path / "cut") / "checkpoint-8" / "model.safetensors").read_bytes() != before


def test_blocks_hold_the_texts_end_to_end():
    tokenizer = tiny_tokenizer()
    blocks = pack_blocks(["예약", "abc"], tokenizer, 4)
    joined = [token for text in ("예약", "abc") for token in tokenizer(text)["input_ids"]]
    assert blocks.shape == (len(joined) // 4, 4)
    assert blocks.ravel().tolist() == joined[: blocks.size]


def test_too_few_texts_and_a_tokenizer_without_mask_are_refused(tmp_path):
    with pytest.raises(DataError, match="do not fill a block of 64"):
        pack_blocks(["예약"], tiny_tokenizer(), 64)
    without = tiny_tokenizer()
    without.mask_token = None
    with pytest.raises(ConfigError, match="no mask token"):
        pretrain(TEXTS, without, tmp_path, device="cpu")


@pytest.mark.parametrize(
    "settings",
    [
        {"steps": 0},
        {"block_length": 4},
        {"max_seq_length": 2},
        {"mask_share": 0.0},
        {"mask_share": 1.0},
        {"steps": 5, "warmup_steps": 5},
    ],
)
def test_settings_out_of_range_are_named(settings):
    with pytest.raises(ConfigError, match=next(reversed(settings))):
        dataclasses.replace(SHORT, **settings)
