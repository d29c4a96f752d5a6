"""Contrastive distillation against slow loops in float64; the projection W; live and precomputed teachers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from intent_adapters.errors import ConfigError, DataError
from intent_adapters.losses import ContrastiveDistillationLoss
from tests.losses.test_info_nce import PAIRS, features, one_direction
from tests.support.tiny import tiny_base


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("distillation")
    return tiny_base(folder, seed=0), tiny_base(folder, seed=1)


def test_value_equals_the_loop_with_a_projection(models):
    student, _ = models
    generator = torch.Generator().manual_seed(0)
    teacher = torch.randn(4, 3, generator=generator, dtype=torch.float64)
    positives = torch.randn(4, 32, generator=generator, dtype=torch.float64)
    loss = ContrastiveDistillationLoss(student, teacher_dim=3, temperature=0.2).double()
    weight = torch.randn(3, 32, generator=generator, dtype=torch.float64)
    loss.projection.weight.data.copy_(weight)
    value = loss.compute_loss_from_embeddings(teacher, [positives])
    projected = [
        [sum(w * x for w, x in zip(row, p, strict=True)) for row in weight.tolist()] for p in positives.tolist()
    ]
    assert value.item() == pytest.approx(one_direction(teacher.numpy(), np.array(projected), 0.2), rel=1e-9)
    student.float()


def test_gradient_reaches_the_student_and_w_but_not_the_teacher(models):
    student, _ = models
    loss = ContrastiveDistillationLoss(student, teacher_dim=3, temperature=0.5).double()
    generator = torch.Generator().manual_seed(1)
    teacher = torch.randn(3, 3, generator=generator, dtype=torch.float64).requires_grad_()
    positives = torch.randn(3, 32, generator=generator, dtype=torch.float64).requires_grad_()

    def value(positives, weight):
        projected = positives @ weight.T
        return ContrastiveDistillationLoss(student, projection=False, temperature=0.5).compute_loss_from_embeddings(
            teacher, [projected]
        )

    weight = loss.projection.weight.detach().clone().requires_grad_()
    assert torch.autograd.gradcheck(value, (positives, weight))
    loss.compute_loss_from_embeddings(teacher, [positives]).backward()
    assert teacher.grad is None
    expected = torch.autograd.grad(value(positives, weight), (positives, weight))
    torch.testing.assert_close(positives.grad, expected[0])
    torch.testing.assert_close(loss.projection.weight.grad, expected[1])
    student.float()


def test_live_teacher_embeds_the_anchors(models):
    student, teacher = models
    value = ContrastiveDistillationLoss(student, teacher, projection=False)(features(student))
    anchors, positives = (list(column) for column in zip(*PAIRS, strict=True))
    expected = one_direction(
        teacher.encode(anchors).astype("float64"), student.encode(positives).astype("float64"), 0.05
    )
    assert value.item() == pytest.approx(expected, rel=1e-4)


def test_precomputed_embeddings_equal_the_live_teacher(models):
    student, teacher = models
    anchors, positives = (list(column) for column in zip(*PAIRS, strict=True))
    first = teacher.encode(anchors, convert_to_tensor=True)
    both = torch.stack([first, teacher.encode(positives, convert_to_tensor=True)], dim=1)
    live = ContrastiveDistillationLoss(student, teacher)(features(student))
    for labels in (first, both):
        offline = ContrastiveDistillationLoss(student, teacher_dim=32)(features(student), labels)
        assert offline.item() == pytest.approx(live.item(), rel=1e-5)


def test_the_teacher_is_no_part_of_the_loss(models):
    student, teacher = models
    loss = ContrastiveDistillationLoss(student, teacher)
    theirs = {id(parameter) for parameter in teacher.parameters()}
    assert not theirs & {id(parameter) for parameter in loss.parameters()}
    assert {name for name, _ in loss.named_parameters() if not name.startswith("model.")} == {"projection.weight"}
    loss.train()
    assert not teacher.training
    loss(features(student)).backward()
    assert all(parameter.grad is None for parameter in teacher.parameters())
    loss.eval()
    student.zero_grad()


def test_w_starts_as_the_identity(models):
    student, teacher = models
    with_projection = ContrastiveDistillationLoss(student, teacher)(features(student))
    without = ContrastiveDistillationLoss(student, teacher, projection=False)(features(student))
    assert with_projection.item() == pytest.approx(without.item(), rel=1e-5)
    assert math.isfinite(without.item())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_embeddings_are_compared_in_float32(models, dtype):
    generator = torch.Generator().manual_seed(2)
    teacher, positives = (torch.randn(8, 32, generator=generator).to(dtype) for _ in range(2))
    loss = ContrastiveDistillationLoss(models[0], teacher_dim=32, temperature=0.02)
    with torch.autocast("cpu", dtype=dtype):
        value = loss.compute_loss_from_embeddings(teacher, [positives])
    assert value.dtype == torch.float32
    expected = one_direction(teacher.double().numpy(), positives.double().numpy(), 0.02)
    assert value.item() == pytest.approx(expected, rel=1e-4)


def test_what_it_refuses(models):
    student, _ = models
    columns = features(student)
    with pytest.raises(ConfigError, match="temperature"):
        ContrastiveDistillationLoss(student, teacher_dim=3, temperature=0)
    with pytest.raises(ConfigError, match="pass teacher_dim"):
        ContrastiveDistillationLoss(student)
    loss = ContrastiveDistillationLoss(student, projection=False)
    with pytest.raises(DataError, match="needs pairs"):
        loss(columns[:1], torch.zeros(4, 32))
    with pytest.raises(DataError, match="there is no teacher"):
        loss(columns)
    with pytest.raises(ConfigError, match=r"shape \(4, 3, 32\)"):
        loss(columns, torch.zeros(4, 3, 32))
    with pytest.raises(ConfigError, match="use projection=True"):
        loss(columns, torch.zeros(4, 7))
