"""Stages 1 and 2 on tiny models: they learn, repeat themselves, resume, and leave a plain model behind."""

from __future__ import annotations

import dataclasses
import shutil

import pytest
import torch
from datasets import Dataset
from safetensors import safe_open
from safetensors.torch import load_file
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer
from sentence_transformers.base.evaluation import BaseEvaluator
from sentence_transformers.sentence_transformer.modules import LayerNorm
from transformers import TrainerCallback

from intent_adapters import IntentModel, train_agent
from intent_adapters.artifacts.fingerprint import fingerprint
from intent_adapters.errors import BaseError, ConfigError
from intent_adapters.loading import load_base
from intent_adapters.training.base import pair_training
from intent_adapters.training.base.distillation import distill
from intent_adapters.training.base.encoder import train_encoder
from intent_adapters.training.base.pair_training import PairTraining
from intent_adapters.training.base.student import student_from_layers
from tests.support.tiny import tiny_base

WORDS = ["abc", "예약", "hello", "취소", "진료", "얼마", "x1", "y2", "z3", "주세요", "변경", "q9"]
PAIRS = Dataset.from_dict({"anchor": [f"{w} a" for w in WORDS], "positive": [f"b {w}" for w in WORDS]})
SHORT = PairTraining(
    steps=8, batch_size=4, learning_rate=3e-3, warmup_steps=1, save_every=4, log_every=1, evaluate_every=4
)


def weights(model):
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def losses(history):
    return [entry["loss"] for entry in history if "loss" in entry]


def test_stage_1_learns_and_repeats_itself(tmp_path):
    runs = []
    for folder in ("one", "two"):
        model = tiny_base(tmp_path)
        history = train_encoder(model, PAIRS, tmp_path / folder, temperature=0.1, training=SHORT)
        runs.append((weights(model), losses(history)))
    assert torch.equal(runs[0][0], runs[1][0])
    assert runs[0][1] == runs[1][1]
    assert len(runs[0][1]) == 8
    assert sum(runs[0][1][-2:]) < sum(runs[0][1][:2])


def test_what_is_left_is_a_plain_model_and_nothing_beside_it(tmp_path):
    model = tiny_base(tmp_path)
    train_encoder(model, PAIRS, tmp_path / "out", training=SHORT, mini_batch_size=2)
    loaded = SentenceTransformer(str(tmp_path / "out"), device="cpu")
    assert torch.equal(weights(loaded), weights(model))
    names = {path.name for path in (tmp_path / "out").rglob("*")}
    assert {"modules.json", "model.safetensors", "tokenizer.json"} <= names
    assert not [name for name in names if "checkpoint" in name or "optimizer" in name]


def test_a_frozen_encoder_as_it_is_loaded_is_trained_whole(tmp_path):
    tiny_base(tmp_path).save_pretrained(str(tmp_path / "base"))
    model = load_base(tmp_path / "base", device="cpu")
    before = weights(model).clone()
    train_encoder(model, PAIRS, tmp_path / "out", training=SHORT)
    assert not torch.equal(weights(model), before)


def test_attention_of_short_texts_is_plain_in_every_layer_and_afterwards_as_it_was_before(tmp_path):
    model = student_from_layers(tiny_base(tmp_path), 2)
    encoder = model[0].auto_model
    encoder.set_attn_implementation("sdpa")
    used = []
    attentions = [layer.attention.self for layer in encoder.encoder.layer]

    class Watch(BaseEvaluator):
        primary_metric = "score"

        def __call__(self, model, output_path=None, epoch=-1, steps=-1):
            used.append({attention.config._attn_implementation for attention in attentions})
            if len(used) == 2:
                raise Stop
            return {"score": 0.5}

    with pytest.raises(Stop):
        train_encoder(model, PAIRS, tmp_path / "out", training=SHORT, evaluator=Watch())
    assert used == [{"eager"}, {"eager"}]
    assert {attention.config._attn_implementation for attention in attentions} == {"sdpa"}


def test_layers_that_the_caller_froze_stay(tmp_path):
    model = tiny_base(tmp_path)
    embeddings = model[0].auto_model.embeddings.requires_grad_(False).word_embeddings.weight
    before = embeddings.clone()
    train_encoder(model, PAIRS, tmp_path / "out", training=SHORT)
    assert torch.equal(embeddings, before)


@pytest.mark.parametrize("dtype", ["auto", "float16"])
def test_a_distilled_student_is_a_base_on_which_an_agent_learns(tmp_path, dtype):
    teacher = tiny_base(tmp_path)
    student = student_from_layers(teacher, 1)
    distill(teacher, student, PAIRS, tmp_path / "base", num_relation_heads=4, training=SHORT, dtype=dtype)
    model = IntentModel.from_pretrained(tmp_path / "base", device="cpu")
    assert model.fingerprint == fingerprint(student)
    with safe_open(tmp_path / "base" / "model.safetensors", "pt") as file:
        stored = {file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118
    assert stored == ({"F16"} if dtype == "float16" else {"F32"})
    rows = [{"text": f"{word} {tail}", "label": word} for word in ("abc", "예약") for tail in ("a", "b", "c")]
    train_agent(model, "clinic", rows, seed=0, epochs=2)
    model.save_adapter("clinic", tmp_path / "clinic")
    again = IntentModel.from_pretrained(tmp_path / "base", adapter=tmp_path / "clinic", device="cpu")
    assert again.predict("abc a").label in {"abc", "예약"}


def test_a_folder_with_other_things_and_a_model_that_does_not_load_again_are_refused_before_training(tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("mine")
    model = tiny_base(tmp_path)
    before = weights(model).clone()
    with pytest.raises(BaseError, match="holds other things"):
        train_encoder(model, PAIRS, tmp_path / "notes", training=SHORT)
    model.append(LayerNorm(32))
    with pytest.raises(BaseError, match="asks for the module"):
        train_encoder(model, PAIRS, tmp_path / "out", training=SHORT)
    assert torch.equal(weights(model)[: len(before)], before)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bert-0", "notes"]


def test_stage_2_logs_its_parts_and_comes_near_the_teacher(tmp_path):
    teacher, student = tiny_base(tmp_path, seed=0), tiny_base(tmp_path, seed=1)

    def likeness():
        embeddings = [model.eval().encode(PAIRS["anchor"][:], convert_to_tensor=True) for model in (teacher, student)]
        return torch.cosine_similarity(*embeddings).mean().item()

    before = likeness()
    history = distill(
        teacher,
        student,
        PAIRS,
        tmp_path / "out",
        matching_weight=5.0,
        projection=False,
        num_relation_heads=4,
        training=dataclasses.replace(SHORT, steps=40),
    )
    first = next(entry for entry in history if "loss" in entry)
    parts = ("contrastive", "relation", "matching")
    assert first["loss"] == pytest.approx(sum(first[part] for part in parts), rel=1e-3)
    assert likeness() > before + 0.3


class Stop(Exception):
    """The power going off."""


class StopAt(TrainerCallback):
    def __init__(self, step):
        self.step = step

    def on_step_end(self, args, state, control, **_):
        if state.global_step == self.step:
            raise Stop


def test_a_run_that_was_cut_off_goes_on_to_the_same_end(tmp_path, monkeypatch):
    teacher = tiny_base(tmp_path)

    def run(folder, **settings):
        student = student_from_layers(teacher, 1).train()
        history = distill(teacher, student, PAIRS, tmp_path / folder, num_relation_heads=4, training=SHORT, **settings)
        checkpoint = tmp_path / f"{folder}-checkpoints" / "checkpoint-8"
        return weights(student), losses(history), load_file(checkpoint / "projection.safetensors")["weight"]

    whole = run("whole")
    with monkeypatch.context() as patch:
        patch.setattr(pair_training, "SentenceTransformerTrainer", stopping_trainer(6))
        with pytest.raises(Stop):
            run("cut")
    assert not (tmp_path / "cut").exists()
    with pytest.raises(ConfigError, match="checkpoints of an earlier run"):
        run("cut")
    resumed = run("cut", resume=True)
    assert torch.equal(whole[0], resumed[0])
    assert torch.equal(whole[2], resumed[2])
    assert not torch.equal(whole[2], torch.eye(32))
    assert resumed[1] == whole[1]


def test_a_run_that_ran_out_of_memory_is_resumed_in_smaller_slices(tmp_path):
    model = tiny_base(tmp_path)
    train_encoder(model, PAIRS, tmp_path / "out", training=dataclasses.replace(SHORT, stop_after=2))
    history = train_encoder(model, PAIRS, tmp_path / "out", training=SHORT, mini_batch_size=2, resume=True)
    assert len(losses(history)) == 8


def checkpoints(output):
    return {int(path.name.partition("-")[2]) for path in output.glob("checkpoint-*")}


def test_a_resumed_run_saves_and_logs_as_its_settings_say_now(tmp_path):
    model = tiny_base(tmp_path)
    train_encoder(model, PAIRS, tmp_path / "out", training=dataclasses.replace(SHORT, stop_after=2, save_every=100))
    now = dataclasses.replace(SHORT, save_every=3, log_every=2)
    history = train_encoder(model, PAIRS, tmp_path / "out", training=now, resume=True)
    assert [entry["step"] for entry in history if "loss" in entry] == [1, 2, 4, 6, 8]
    assert checkpoints(tmp_path / "out-checkpoints") == {6, 8}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"training": dataclasses.replace(SHORT, learning_rate=1e-3)},
            r"learning_rate = 0\.003, and now it is 0\.001",
        ),
        ({"training": dataclasses.replace(SHORT, steps=9)}, "steps = 8, and now it is 9"),
        ({"temperature": 0.5}, "temperature"),
        ({"pairs": PAIRS.select(range(8))}, "other texts"),
    ],
)
def test_a_run_is_not_resumed_as_another(tmp_path, change, said):
    model = tiny_base(tmp_path)
    settings = {"pairs": PAIRS, "training": SHORT}
    train_encoder(model, output=tmp_path / "out", **{**settings, "training": dataclasses.replace(SHORT, stop_after=2)})
    before = weights(model).clone()
    with pytest.raises(ConfigError, match=said):
        train_encoder(model, output=tmp_path / "out", resume=True, **{**settings, **change})
    assert torch.equal(weights(model), before)
    assert checkpoints(tmp_path / "out-checkpoints") == {2}


def test_the_share_of_the_start_can_be_chosen_in_the_end_and_is_that_of_the_same_start(tmp_path):
    def run(seed, **settings):
        student = tiny_base(tmp_path, seed=seed)
        distill(
            tiny_base(tmp_path), student, PAIRS, tmp_path / "out", num_relation_heads=4, training=SHORT, **settings
        )
        return weights(student)

    start, learned = weights(tiny_base(tmp_path, seed=1)), run(1)
    torch.testing.assert_close(run(1, start_share=0.5, resume=True), (start + learned) / 2)
    assert torch.equal(run(2, resume=True), learned)
    with pytest.raises(ConfigError, match="other weights to average with"):
        run(2, start_share=0.5, resume=True)


def stopping_trainer(step):
    def make(*arguments, **settings):
        trainer = SentenceTransformerTrainer(*arguments, **settings)
        trainer.add_callback(StopAt(step))
        return trainer

    return make


def test_resuming_without_a_checkpoint_starts(tmp_path):
    model = tiny_base(tmp_path)
    assert len(losses(train_encoder(model, PAIRS, tmp_path / "out", training=SHORT, resume=True))) == 8
    shutil.rmtree(tmp_path / "out-checkpoints")
    assert len(losses(train_encoder(model, PAIRS, tmp_path / "out", training=SHORT, resume=True))) == 8


class Score(BaseEvaluator):
    primary_metric = "score"

    def __call__(self, model, output_path=None, epoch=-1, steps=-1):
        return {"score": 0.5}


def test_evaluation_during_the_training(tmp_path):
    history = train_encoder(tiny_base(tmp_path), PAIRS, tmp_path / "out", training=SHORT, evaluator=Score())
    assert [entry["eval_score"] for entry in history if "eval_score" in entry] == [0.5, 0.5]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"steps": 0}, "steps is a whole number of at least 1"),
        ({"warmup_steps": 8, "steps": 8}, "warmup_steps is a whole number from 0 to 7"),
        ({"learning_rate": 0.0}, "learning_rate is a number in"),
        ({"save_every": 0}, "save_every"),
    ],
)
def test_settings_that_make_no_sense(settings, message):
    with pytest.raises(ConfigError, match=message):
        PairTraining(**settings)
