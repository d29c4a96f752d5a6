"""MiniLMv2 against slow loops in float64, its masks, and the extraction of queries, keys and values."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from transformers import AutoConfig, AutoModel

from intent_adapters.errors import ConfigError
from intent_adapters.losses import MiniLMv2Loss, relation_loss
from intent_adapters.losses.distillation.attention import (
    attention_projections,
    captured_states,
    projected_width,
    transformer_of,
)
from tests.losses.test_info_nce import features
from tests.support.tiny import ARCHITECTURES, SHAPE, tiny_base

MASK = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]])


def softmax(scores):
    top = max(scores)
    total = sum(math.exp(score - top) for score in scores)
    return [math.exp(score - top) / total for score in scores]


def reference(teacher, student, mask, heads):
    total = 0.0
    for states_t, states_s in zip(teacher, student, strict=True):
        terms = []
        for row, real in enumerate(mask.tolist()):
            tokens = [index for index, value in enumerate(real) if value]
            for head in range(heads):
                for i in tokens:
                    p, q = (distribution(states[row], head, heads, i, tokens) for states in (states_t, states_s))
                    terms.append(sum(a * math.log(a / b) for a, b in zip(p, q, strict=True)))
        total += sum(terms) / len(terms)
    return total


def distribution(states, head, heads, i, tokens):
    size = states.shape[-1] // heads
    part = states[:, head * size : (head + 1) * size].tolist()
    return softmax([sum(a * b for a, b in zip(part[i], part[j], strict=True)) / math.sqrt(size) for j in tokens])


def states(width, seed, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(3, 4, width, generator=generator, dtype=dtype) for _ in range(3)]


@pytest.mark.parametrize("heads", [1, 2, 4])
@pytest.mark.parametrize("student_width", [8, 12])
def test_value_equals_the_loop(heads, student_width):
    teacher, student = states(8, 0), states(student_width, 1)
    assert relation_loss(teacher, student, MASK, heads).item() == pytest.approx(
        reference(teacher, student, MASK, heads), rel=1e-9
    )


def test_gradient():
    teacher, student = states(8, 0), [x.requires_grad_() for x in states(8, 1)]
    assert torch.autograd.gradcheck(lambda *s: relation_loss(teacher, s, MASK, 2), student)


def test_padding_counts_on_neither_axis():
    teacher, student = states(8, 0), [x.requires_grad_() for x in states(8, 1)]
    value = relation_loss(teacher, student, MASK, 2)
    value.backward()
    padding = MASK == 0
    for position in range(3):
        assert student[position].grad[padding].abs().max() == 0
    changed = [x.detach().masked_fill(padding[..., None], 1e4) for x in student]
    assert relation_loss(teacher, changed, MASK, 2).item() == pytest.approx(value.item(), rel=1e-12)


def test_equal_relations_cost_nothing_and_others_do():
    teacher = states(8, 0)
    assert relation_loss(teacher, [x.clone() for x in teacher], MASK, 2).item() == pytest.approx(0, abs=1e-12)
    # Relations are inner products: a rotation inside each head leaves them alone, a change of scale does not.
    rotation = torch.linalg.qr(torch.randn(4, 4, dtype=torch.float64))[0]
    rotated = [(x.unflatten(-1, (2, 4)) @ rotation).flatten(-2) for x in teacher]
    assert relation_loss(teacher, rotated, MASK, 2).item() == pytest.approx(0, abs=1e-12)
    assert relation_loss(teacher, [2 * x for x in teacher], MASK, 2).item() > 0.01


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_and_autocast_are_computed_in_full_precision(dtype):
    teacher, student = (states(8, seed, dtype) for seed in (0, 1))
    with torch.autocast("cpu", dtype=dtype):
        value = relation_loss(teacher, student, MASK, 2)
    assert value.dtype == torch.float32
    exact = reference([x.double() for x in teacher], [x.double() for x in student], MASK, 2)
    assert value.item() == pytest.approx(exact, rel=1e-4)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_projections_are_those_that_attention_uses(tmp_path, architecture):
    model = tiny_base(tmp_path, architecture)
    modules = attention_projections(transformer_of(model), -1)
    assert projected_width(modules) == 32
    batch = model.preprocess(["abc 1", "hello"])
    with captured_states(modules) as captured:
        before = model(dict(batch))["sentence_embedding"].detach()
        assert [x.shape for x in captured] == [(*batch["input_ids"].shape, 32)] * 3
        seen = [x.detach().clone() for x in captured]
        # Values reach the output; queries and keys do through the attention's weights. Each is where it is said to be.
        rows = [row for module in modules for row in module.weight.data.split(32)]
        for place, row in enumerate(rows):
            kept = row.clone()
            row.mul_(-3)
            assert not torch.allclose(model(dict(batch))["sentence_embedding"], before, atol=1e-6)
            changed = [not torch.equal(one, other) for one, other in zip(captured, seen, strict=True)]
            assert changed == [place == 0, place == 1, place == 2]
            row.copy_(kept)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_student_learns_the_teacher(tmp_path, architecture):
    teacher, student = tiny_base(tmp_path, architecture, seed=0), tiny_base(tmp_path, architecture, seed=1)
    with torch.no_grad():
        for parameter in [*teacher.parameters(), *student.parameters()]:
            if parameter.dim() > 1:
                parameter.mul_(6)  # random encoders of 0.02 have relations that are all alike
    loss = MiniLMv2Loss(student, teacher, num_relation_heads=2)
    optimizer = torch.optim.Adam(student.parameters(), lr=3e-3)
    values = []
    for _ in range(25):
        value = loss(features(student))
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        values.append(value.item())
    assert values[-1] < 0.5 * values[0]


def test_a_copy_of_the_teacher_is_perfect_and_hooks_do_not_stay(tmp_path):
    teacher = tiny_base(tmp_path)
    student = copy.deepcopy(teacher)
    assert MiniLMv2Loss(student, teacher, num_relation_heads=4)(features(student)).item() == pytest.approx(0, abs=1e-6)
    assert not any(module._forward_hooks for model in (teacher, student) for module in model.modules())


def test_columns_of_other_lengths_are_one_batch(tmp_path):
    teacher, student = tiny_base(tmp_path, seed=0), tiny_base(tmp_path, seed=1)
    loss = MiniLMv2Loss(student, teacher, num_relation_heads=4)
    short, long = student.preprocess(["ab", "cd"]), student.preprocess(["abcdef 123", "hello"])
    together = student.preprocess(["ab", "cd", "abcdef 123", "hello"])
    assert loss([short, long]).item() == pytest.approx(loss([together]).item(), rel=1e-4)


def test_what_it_refuses(tmp_path):
    teacher, student = tiny_base(tmp_path, seed=0), tiny_base(tmp_path, seed=1)
    with pytest.raises(ConfigError, match="num_relation_heads is 5"):
        MiniLMv2Loss(student, teacher, num_relation_heads=5)
    with pytest.raises(ConfigError, match=r"layer 2 was asked for.*has 2"):
        MiniLMv2Loss(student, teacher, num_relation_heads=4, student_layer=2)
    for unknown, shape in (("deberta-v2", SHAPE), ("gpt2", {"n_embd": 32, "n_layer": 1, "n_head": 4})):
        encoder = AutoModel.from_config(AutoConfig.for_model(unknown, **shape))
        with pytest.raises(ConfigError, match=f"'{unknown}' encoder keeps its queries.*bert, "):
            attention_projections(encoder, 0)
    other = tiny_base(tmp_path, seed=2)
    other.tokenizer.add_tokens(["newtoken"])
    with pytest.raises(ConfigError, match="must share a tokenizer"):
        MiniLMv2Loss(student, other, num_relation_heads=4)
