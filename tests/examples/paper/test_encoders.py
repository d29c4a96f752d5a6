"""Encoders are made from one another, once, and known by what made them."""

from __future__ import annotations

import json

import pytest
from sentence_transformers import SentenceTransformer

from examples.paper.encoders import MADE, Encoders, read_texts
from examples.paper.rows import ROLES
from examples.paper.tracks import read_track
from intent_adapters.errors import DataError
from intent_adapters.training.base.run import checkpoint_folder


@pytest.fixture
def encoders(track_file, data, tokenizer, tmp_path):
    return Encoders(read_track(track_file), data, tmp_path / "work", {"small-tokenizer": str(tokenizer)}, "cpu")


def test_all_four_are_made_and_open_as_sentence_encoders(encoders):
    sizes = {}
    for role in ROLES:
        folder = encoders.folder(role)
        made = json.loads((folder / MADE).read_text(encoding="utf-8"))
        assert any("loss" in entry for entry in made["log"])
        assert not checkpoint_folder(folder).exists()
        model = SentenceTransformer(str(folder), device="cpu")
        assert model.encode(["예약"]).shape == (1, 48)
        sizes[role] = sum(weight.numel() for weight in model.parameters())
    assert sizes["distilled-se"] == sizes["distilled-plm"] < sizes["large-se"] == sizes["large-plm"]


def test_what_is_made_is_not_made_again(encoders, monkeypatch):
    folder = encoders.folder("large-plm")
    monkeypatch.setattr(encoders, "_make", lambda *_: pytest.fail("made again"))
    assert encoders.folder("large-plm") == folder


def test_a_making_that_was_cut_off_is_finished(encoders):
    folder = encoders.folder("large-plm")
    (folder / MADE).unlink()
    assert (encoders.folder("large-plm") / MADE).exists()


def test_a_digest_follows_recipe_pairs_and_teacher(encoders, track_file, data, tmp_path):
    before = {role: encoders.digest(role) for role in ROLES}
    assert len(set(before.values())) == len(ROLES)

    def digests(old, new):
        other = tmp_path / "other.toml"
        other.write_text(track_file.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
        made = Encoders(read_track(other), data, tmp_path, encoders.models, "cpu")
        return {role for role in ROLES if made.digest(role) != before[role]}

    assert digests("hidden_size = 48", "hidden_size = 96") == set(ROLES)
    assert digests('leave_out = ["bad"]', "leave_out = []") == set(ROLES) - {"large-plm"}
    assert digests('of = "large-se"\nlayers = 1', 'of = "large-se"\nlayers = 2') == {"distilled-se"}


def test_a_missing_file_names_the_option(encoders, data):
    (data / "pairs.jsonl").unlink()
    with pytest.raises(DataError, match="--data"):
        encoders.digest("large-se")


def test_texts_are_lines_or_both_texts_of_pairs(data):
    assert list(read_texts(data / "texts.txt")) == ["hello there", "진료비 얼마"]
    assert len(list(read_texts(data / "pairs.jsonl"))) == 24
    (data / "broken.jsonl").write_text('{"anchor": "a"}\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"broken\.jsonl"):
        list(read_texts(data / "broken.jsonl"))
