"""The weighted sum of stage 2: each part as computed alone, one pass of each model, and the trainer's view of it."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from intent_adapters.errors import AdapterError, ConfigError, DataError
from intent_adapters.losses import ContrastiveDistillationLoss, DistillationLoss, MiniLMv2Loss
from intent_adapters.losses.distillation.projection import Projection
from tests.losses.test_info_nce import PAIRS, features
from tests.support.tiny import tiny_base


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sum")
    return tiny_base(folder, seed=0), tiny_base(folder, seed=1)


def make(models, **settings):
    student, teacher = models
    return DistillationLoss(student, teacher, **{"num_relation_heads": 4, **settings})


def count_passes(model):
    passes = []
    handle = model[0].auto_model.embeddings.register_forward_hook(lambda *_: passes.append(1))
    return passes, handle


def test_parts_equal_the_losses_alone(models):
    student, teacher = models
    parts = make(models, contrastive_weight=0.5, relation_weight=2.0, matching_weight=3.0)(features(student))
    assert set(parts) == {"contrastive", "relation", "matching"}
    alone = ContrastiveDistillationLoss(student, teacher)(features(student))
    assert parts["contrastive"].item() == pytest.approx(0.5 * alone.item(), rel=1e-4)
    alone = MiniLMv2Loss(student, teacher, num_relation_heads=4)(features(student))
    assert parts["relation"].item() == pytest.approx(2.0 * alone.item(), rel=1e-4)
    texts = [text for pair in PAIRS for text in pair]
    cosines = F.cosine_similarity(*(model.encode(texts, convert_to_tensor=True) for model in models))
    assert parts["matching"].item() == pytest.approx(3.0 * (1 - cosines).mean().item(), rel=1e-4)


def test_the_papers_two_parts_by_default(models):
    assert set(make(models)(features(models[0]))) == {"contrastive", "relation"}


def test_one_pass_of_each_model(models):
    counters = [count_passes(model) for model in models]
    make(models, matching_weight=1.0)(features(models[0]))
    assert [len(passes) for passes, _ in counters] == [1, 1]
    for _, handle in counters:
        handle.remove()


def test_labels_take_the_place_of_the_teachers_embeddings(models):
    student, _ = models
    labels = F.normalize(torch.randn(4, 2, 32, generator=torch.Generator().manual_seed(0)), dim=-1)
    settings = {"matching_weight": 1.0, "projection": False}
    parts = make(models, **settings)(features(student), labels)
    own = make(models, **settings)(features(student))
    assert parts["relation"].item() == pytest.approx(own["relation"].item(), rel=1e-5)
    alone = ContrastiveDistillationLoss(student, projection=False)(features(student), labels)
    assert parts["contrastive"].item() == pytest.approx(alone.item(), rel=1e-4)
    columns = [student.encode(list(column), convert_to_tensor=True) for column in zip(*PAIRS, strict=True)]
    expected = torch.stack([1 - F.cosine_similarity(c, labels[:, i]) for i, c in enumerate(columns)]).mean()
    assert parts["matching"].item() == pytest.approx(expected.item(), rel=1e-4)


def test_single_texts_without_the_contrastive_part(models):
    parts = make(models, contrastive_weight=0.0, matching_weight=1.0)(features(models[0])[:1])
    assert set(parts) == {"relation", "matching"}
    assert set(make(models)(features(models[0])[:1])) == {"relation"}  # beside batches of pairs
    with pytest.raises(DataError, match="needs pairs"):
        make(models, relation_weight=0.0)(features(models[0])[:1])


def test_no_teacher_is_run_when_labels_are_enough(models):
    passes, handle = count_passes(models[1])
    labels = torch.randn(4, 2, 32)
    loss = make(models, relation_weight=0.0, matching_weight=1.0)
    assert set(loss(features(models[0]), labels)) == {"contrastive", "matching"}
    handle.remove()
    assert not passes
    offline = DistillationLoss(models[0], None, relation_weight=0.0, teacher_dim=32)
    assert set(offline(features(models[0]), labels)) == {"contrastive"}
    with pytest.raises(DataError, match="there is no teacher"):
        offline(features(models[0]))


def test_gradients_add_up(models):
    student, _ = models
    weight = student[0].auto_model.encoder.layer[0].attention.self.query.weight
    gradients = {}
    for name in ("contrastive_weight", "relation_weight", "matching_weight", "all"):
        weights = dict.fromkeys(("contrastive_weight", "relation_weight", "matching_weight"), float(name == "all"))
        loss = make(models, **{**weights, **({} if name == "all" else {name: 1.0})})
        student.zero_grad()
        sum(loss(features(student)).values()).backward()
        gradients[name] = weight.grad.clone()
    torch.testing.assert_close(
        sum(v for k, v in gradients.items() if k != "all"), gradients["all"], rtol=1e-3, atol=1e-7
    )
    student.zero_grad()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_under_autocast_the_parts_stay_in_float32(models, dtype):
    exact = make(models, matching_weight=1.0)(features(models[0]))
    with torch.autocast("cpu", dtype=dtype):
        rough = make(models, matching_weight=1.0)(features(models[0]))
        for name, part in rough.items():
            assert part.dtype == torch.float32
            assert part.item() == pytest.approx(exact[name].item(), rel=0.1, abs=1e-3)
        sum(rough.values()).backward()
    assert all(p.grad is None or torch.isfinite(p.grad).all() for p in models[0].parameters())
    models[0].zero_grad()


def test_what_it_refuses(models):
    student, _ = models
    with pytest.raises(ConfigError, match="all weights"):
        make(models, contrastive_weight=0.0, relation_weight=0.0)
    with pytest.raises(ConfigError, match="relation_weight is a number"):
        make(models, relation_weight=-1.0)
    with pytest.raises(ConfigError, match="needs a live teacher"):
        DistillationLoss(student, None, teacher_dim=32)


def test_config_for_the_card(models):
    config = make(models, temperature=0.1).get_config_dict()
    assert config["temperature"] == pytest.approx(0.1)
    assert config["contrastive_weight"] == 1.0
    assert config["num_relation_heads"] == 4


def test_projection_is_saved_and_loaded(tmp_path):
    first, second = Projection(6, 4), Projection(6, 4)
    torch.nn.init.normal_(first.weight)
    first.save(tmp_path / "w.safetensors")
    second.load(tmp_path / "w.safetensors")
    assert torch.equal(first.weight, second.weight)
    with pytest.raises(AdapterError, match=r"has shape \(4, 6\), but this loss needs \(4, 5\)"):
        Projection(5, 4).load(tmp_path / "w.safetensors")
    (tmp_path / "broken").write_bytes(b"no tensors")
    for path in ("broken", "missing"):
        with pytest.raises(AdapterError, match="cannot read the projection"):
            second.load(tmp_path / path)
