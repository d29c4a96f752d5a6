"""Students made of teacher layers and of shapes."""

from __future__ import annotations

import pytest
import torch
from sentence_transformers import SentenceTransformer
from transformers import AutoConfig, AutoModel

from intent_adapters.errors import ConfigError
from intent_adapters.training.base.student import student_from_layers, student_from_shape
from tests.support.tiny import tiny_base

TEXTS = ["abc 1", "예약 취소"]


@pytest.mark.parametrize("architecture", ["bert", "xlm-roberta", "mpnet", "distilbert"])
def test_all_layers_are_the_teacher_and_one_layer_is_not(tmp_path, architecture):
    teacher = tiny_base(tmp_path, architecture)
    before = teacher.encode(TEXTS, convert_to_tensor=True)
    assert torch.equal(student_from_layers(teacher, 2).encode(TEXTS, convert_to_tensor=True), before)
    student = student_from_layers(teacher, 1)
    last = student_from_layers(teacher, [1])
    for (name, one), (_, other) in zip(student.named_parameters(), last.named_parameters(), strict=True):
        assert torch.equal(one, other), name
    assert not torch.allclose(student.encode(TEXTS, convert_to_tensor=True), before)
    assert torch.equal(teacher.encode(TEXTS, convert_to_tensor=True), before)
    student.save_pretrained(str(tmp_path / "student"))
    loaded = SentenceTransformer(str(tmp_path / "student"), device="cpu")
    assert torch.equal(loaded.encode(TEXTS, convert_to_tensor=True), student.encode(TEXTS, convert_to_tensor=True))


def test_layers_are_independent_copies(tmp_path):
    teacher = tiny_base(tmp_path)
    student = student_from_layers(teacher.requires_grad_(False), [0, 0])
    layers = student[0].auto_model.encoder.layer
    assert layers[0].output.dense.weight.data_ptr() != layers[1].output.dense.weight.data_ptr()
    assert all(parameter.requires_grad for parameter in student.parameters())
    assert not any(parameter.requires_grad for parameter in teacher.parameters())


@pytest.mark.parametrize("architecture", ["bert", "xlm-roberta", "mpnet", "distilbert"])
def test_a_setting_of_the_config_reaches_every_layer(tmp_path, architecture):
    encoder = student_from_layers(tiny_base(tmp_path, architecture), [0, 0, 1])[0].auto_model
    configs = {id(module.config) for module in encoder.modules() if hasattr(module, "config")}
    assert configs == {id(encoder.config)}


def test_a_shape_with_random_weights(tmp_path):
    teacher = tiny_base(tmp_path)
    shape = {"num_hidden_layers": 1, "hidden_size": 16, "intermediate_size": 24, "num_attention_heads": 2}
    students = [student_from_shape(teacher, shape, seed=seed).eval() for seed in (0, 0, 1)]
    first, same, other = (student.encode(TEXTS, convert_to_tensor=True) for student in students)
    assert first.shape == (2, 16)
    assert torch.equal(first, same)
    assert not torch.allclose(first, other)
    torch.testing.assert_close(first.norm(dim=1), torch.ones(2))
    assert students[0].tokenizer.get_vocab() == teacher.tokenizer.get_vocab()
    students[0].save_pretrained(str(tmp_path / "student"))
    loaded = SentenceTransformer(str(tmp_path / "student"), device="cpu")
    assert torch.equal(loaded.encode(TEXTS, convert_to_tensor=True), first)


def test_what_they_refuse(tmp_path):
    teacher = tiny_base(tmp_path)
    for layers in (0, 3):
        with pytest.raises(ConfigError, match=r"layers must be in 1 \.\. 2"):
            student_from_layers(teacher, layers)
    for layers in ([], [2], [-1]):
        with pytest.raises(ConfigError, match=r"numbers in 0 \.\. 1"):
            student_from_layers(teacher, layers)
    with pytest.raises(ConfigError, match="no setting 'layers'"):
        student_from_shape(teacher, {"layers": 3})
    teacher[0].model = AutoModel.from_config(AutoConfig.for_model("gpt2", n_embd=32, n_layer=1, n_head=4))
    with pytest.raises(ConfigError, match="'gpt2' encoder keeps its layers"):
        student_from_layers(teacher)


def test_a_shape_of_an_encoder_with_layers_of_several_kinds(tmp_path):
    teacher = tiny_base(tmp_path, "modernbert")
    kinds = teacher[0].auto_model.config.layer_types
    assert len(set(kinds)) == 2
    for count in (1, 3):
        shape = {"num_hidden_layers": count, "hidden_size": 16, "intermediate_size": 24, "num_attention_heads": 2}
        student = student_from_shape(teacher, shape).eval()
        assert student[0].auto_model.config.layer_types == [*kinds, *kinds][:count]
        student.save_pretrained(str(tmp_path / str(count)))
        loaded = SentenceTransformer(str(tmp_path / str(count)), device="cpu")
        assert torch.equal(loaded.encode(TEXTS, convert_to_tensor=True), student.encode(TEXTS, convert_to_tensor=True))
    with pytest.raises(ConfigError, match="not alike"):
        student_from_layers(teacher, 1)
