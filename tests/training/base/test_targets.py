"""Targets from several teachers: stored, put together, looked up."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from datasets import Dataset

from intent_adapters.errors import ConfigError, DataError
from intent_adapters.training.base import targets
from intent_adapters.training.base.targets import (
    TargetLookup,
    Targets,
    Teacher,
    averaged,
    joined,
    reduced,
    teacher_embeddings,
    turned_onto,
    whitened,
)
from tests.support.tiny import tiny_base

TEXTS = [f"{word} {number}" for number in range(5) for word in ("예약", "cancel", "abc")]


@pytest.fixture
def teacher(tmp_path):
    return Teacher(model=tiny_base(tmp_path))


def rows(count, width, seed=0):
    found = np.random.default_rng(seed).standard_normal((count, width)).astype(np.float32) + 0.5
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def cosines(embeddings):
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    return unit @ unit.T


def test_what_was_computed_is_not_computed_again(teacher, tmp_path, monkeypatch):
    monkeypatch.setattr(targets, "CHUNK", 4)
    found = teacher_embeddings(teacher, TEXTS, tmp_path / "stored")
    expected = teacher.model.encode(TEXTS, normalize_embeddings=True)
    np.testing.assert_allclose(found, expected, atol=1e-3)
    last = next(path for path in (tmp_path / "stored").rglob("*.npz") if len(np.load(path)["keys"]) == 3)
    last.unlink()  # as a run leaves it that is killed
    encoded = []
    encode = teacher.model.encode
    monkeypatch.setattr(
        teacher.model, "encode", lambda texts, **more: (encoded.extend(texts), encode(texts, **more))[1]
    )
    np.testing.assert_array_equal(teacher_embeddings(teacher, TEXTS, tmp_path / "stored"), found)
    assert encoded == TEXTS[12:]
    encoded.clear()
    more = teacher_embeddings(teacher, [TEXTS[7], "new", TEXTS[0], "new"], tmp_path / "stored")
    assert encoded == ["new"]
    np.testing.assert_array_equal(more[[0, 2]], found[[7, 0]])
    np.testing.assert_array_equal(more[1], more[3])


def test_other_texts_and_another_prompt_have_embeddings_of_their_own(teacher, tmp_path):
    plain = teacher_embeddings(teacher, TEXTS, tmp_path)
    prompted = teacher_embeddings(Teacher(model=teacher.model, prompt="abc "), TEXTS, tmp_path)
    np.testing.assert_allclose(
        prompted, teacher.model.encode(["abc " + text for text in TEXTS], normalize_embeddings=True), atol=1e-3
    )
    assert not np.array_equal(plain, prompted)
    assert np.array_equal(teacher_embeddings(teacher, TEXTS[:3], tmp_path), plain[:3])


def test_joined_cosines_are_the_weighted_mean_of_the_teachers_cosines(teacher):
    one, other = rows(20, 8), rows(20, 5, seed=1)
    teachers = [Teacher(model=teacher.model, weight=weight) for weight in (1.0, 0.5)]
    found = joined(teachers, [one.astype(np.float16), other.astype(np.float16)])
    assert found.shape == (20, 13)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(cosines(found), (cosines(one) + 0.25 * cosines(other)) / 1.25, atol=2e-3)


def test_a_mean_needs_one_width(teacher):
    teachers = [teacher, teacher]
    one, other = rows(20, 8), rows(20, 8, seed=1)
    found = averaged(teachers, [one.astype(np.float16), other.astype(np.float16)])
    np.testing.assert_allclose(cosines(found), cosines(one + other), atol=2e-3)
    with pytest.raises(ConfigError, match="join them"):
        averaged(teachers, [one, rows(20, 5)])


def test_whitening_makes_directions_more_alike():
    found = rows(500, 6) * np.array([5, 3, 1, 1, 0.5, 0.2], dtype=np.float32)

    def spread(embeddings):
        variances = np.linalg.eigvalsh(np.cov(embeddings.T))
        return variances[-1] / variances[0]

    assert np.array_equal(whitened(found, 0.0, centered=False), found)
    np.testing.assert_allclose(whitened(found, 0.0, centered=True).mean(axis=0), 0, atol=1e-5)
    assert spread(whitened(found, 0.125, centered=False)) < spread(found) / 4
    assert spread(whitened(found, 0.5, centered=False)) == pytest.approx(1, abs=0.01)


def test_fewer_directions_keep_most_of_the_energy():
    flat = rows(100, 3) @ np.linalg.qr(np.random.default_rng(1).standard_normal((8, 8)))[0][:3].astype(np.float32)
    found, energy = reduced(flat, 3)
    assert energy == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(cosines(found), cosines(flat), atol=1e-4)
    assert reduced(rows(100, 8), 2)[1] < 0.9
    with pytest.raises(ConfigError, match="width"):
        reduced(flat, 9)


def test_a_rotation_is_found_and_changes_no_cosine():
    reference = rows(200, 6)
    turn = np.linalg.qr(np.random.default_rng(2).standard_normal((6, 6)))[0].astype(np.float32)
    found = turned_onto(reference @ turn, reference)
    np.testing.assert_allclose(found, reference, atol=1e-4)
    with pytest.raises(ConfigError, match="wider teachers"):
        turned_onto(rows(200, 5), reference)


def test_the_first_directions_of_wide_targets_come_near_a_narrow_reference():
    reference = rows(200, 6)
    wide = np.hstack([reference, 0.5 * rows(200, 4, seed=1)])
    turn = np.linalg.qr(np.random.default_rng(2).standard_normal((10, 10)))[0].astype(np.float32)
    found = turned_onto(wide @ turn, reference)
    np.testing.assert_allclose(found @ found.T, wide @ wide.T, atol=1e-4)
    near = (found[:, :6] * reference).sum()
    assert near > 0.99 * (wide[:, :6] * reference).sum()
    others = np.random.default_rng(3).standard_normal((20, 10, 6))
    assert all((wide @ np.linalg.qr(other)[0] * reference).sum() < near for other in others)


def test_the_loss_gets_the_target_of_each_text():
    vectors = rows(3, 4).astype(np.float16)
    made = Targets(["a", "b", "c"], vectors)
    dataset = made.labelled(Dataset.from_dict({"anchor": ["c", "a"], "positive": ["b", "c"]}))
    seen = []

    class Loss(torch.nn.Module):
        def forward(self, features, labels):
            seen.append(labels)
            return labels.sum()

    TargetLookup(Loss(), made)([], torch.tensor(dataset["label"][:]))
    np.testing.assert_allclose(seen[0], vectors[[[2, 1], [0, 2]]])
    with pytest.raises(DataError, match="no target for the text 'd'"):
        made.labelled(Dataset.from_dict({"text": ["a", "d"]}))
    with pytest.raises(ConfigError, match="2 texts and 3 targets"):
        Targets(["a", "b"], vectors)


@pytest.mark.parametrize("wrong", [{"weight": 0}, {"whitening": 0.6}, {"whitening": -0.1}])
def test_settings_of_a_teacher(teacher, wrong):
    with pytest.raises(ConfigError):
        Teacher(model=teacher.model, **wrong)
