"""Tracks are read as they are written, and what makes no sense is named."""

from __future__ import annotations

import pytest

from examples.paper.rows import ROWS, TABLE_2, TABLE_3
from examples.paper.tracks import Distilled, Given, Pretrained, read_track, shipped_tracks
from intent_adapters.errors import ConfigError
from intent_adapters.training.base.pair_training import PairTraining
from intent_adapters.training.base.pretraining import MaskedTraining
from tests.examples.paper.conftest import TRACK


@pytest.mark.parametrize("name", shipped_tracks())
def test_every_shipped_track_has_settings_that_training_takes(name):
    track = read_track(name)
    assert track.name == name
    assert track.repetitions == 10
    for recipe in track.encoders.values():
        if isinstance(recipe, Pretrained):
            MaskedTraining(**recipe.training)
        elif not isinstance(recipe, Given):
            PairTraining(**recipe.training)


def test_the_tracks_from_scratch_have_all_rows_of_table_2():
    for name in ("korean-scratch", "paper"):
        assert set(TABLE_2) <= set(read_track(name).rows)


def test_every_row_of_the_tables_is_a_system():
    assert set(TABLE_2) | set(TABLE_3) == set(ROWS)
    assert len({row.title for row in ROWS.values()}) == len(ROWS)


def test_a_track_without_language_model_has_no_rows_for_it(tmp_path):
    assert not [name for name in read_track("english").rows if "plm" in name]


def test_a_file_is_read_with_its_recipes(track_file):
    track = read_track(track_file)
    assert track.name == "small"
    assert isinstance(track.encoders["large-plm"], Pretrained)
    assert track.encoders["distilled-se"] == Distilled(
        of="large-se",
        layers=1,
        training={"steps": 3, "batch_size": 2, "warmup_steps": 1, "save_every": 2, "log_every": 1},
    )
    assert track.columns[0].domain == "IT"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[pairs]", "[pairs", "cannot be read"),
        ('kind = "contrastive"', 'kind = "magic"', "the kind of large-se is one of"),
        ('of = "large-se"', 'of = "larger-se"', "made of 'larger-se'"),
        ("[encoders.large-se]", "[encoders.huge-se]", "not huge-se"),
        ("shots = 2", "shot = 2", "a column has no setting 'shot'"),
        ("shots = 2", "", "a column lacks a setting"),
        ('title = "A small one"', "", "it lacks a setting"),
        ('title = "A small one"', 'title = "A small one"\nlength = 3', "it has no setting 'length'"),
        ("layers = 1", 'tokenizer = "x"', "distilled-plm has no setting 'tokenizer'"),
    ],
)
def test_what_makes_no_sense_is_named(tmp_path, old, new, said):
    assert old in TRACK
    file = tmp_path / "bad.toml"
    file.write_text(TRACK.replace(old, new), encoding="utf-8")
    with pytest.raises(ConfigError, match=said):
        read_track(file)


def test_an_unknown_track_is_told_which_there_are():
    with pytest.raises(ConfigError, match="korean-scratch"):
        read_track("german")
