"""Nothing that is written over an adapter makes the former one unreachable, and going back can be undone."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import sys
import threading
from pathlib import Path

import pytest

from intent_adapters import IntentModel
from intent_adapters.artifacts import folders, version_folders
from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.artifacts.contents import ADAPTER, BASE
from intent_adapters.artifacts.versions import find_version, list_versions, rollback
from intent_adapters.errors import AdapterError, ConfigError, IntentAdaptersWarning
from tests.support.adapters import random_adapter
from tests.support.tiny import tiny_base


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny_base(tmp_path_factory.mktemp("base"))


@pytest.fixture
def trained(base):
    """The adapter of some training; another seed is another training."""

    def make(seed: int, **settings):
        return random_adapter(base, seed=seed, date=f"2026-11-{seed + 1:02}T10:00:00Z", rows=10 + seed, **settings)

    return make


@pytest.fixture
def folder(trained, tmp_path):
    """Three trainings, one after the other, each with a card of its own."""
    folder = tmp_path / "agents" / "clinic"
    for seed in range(3):
        trained(seed).write(folder)
        (folder / "README.md").write_text(f"card {seed}")
    return folder


def state(folder: Path) -> dict[int, tuple[int | None, bool]]:
    """By number: with how many rows each version was trained, and whether it is in use."""
    return {
        version.number: (version.adapter and version.adapter.config.provenance.rows, version.in_use)
        for version in list_versions(folder)
    }


def card(folder: Path) -> str:
    return (folder / "README.md").read_text()


def test_writing_over_an_adapter_keeps_it_with_its_card(folder, trained):
    assert state(folder) == {1: (10, False), 2: (11, False), 3: (12, True)}
    for version in list_versions(folder):
        assert version.adapter.digest == trained(version.number - 1).digest
        assert card(version.folder) == f"card {version.number - 1}"
        assert Adapter.read(version.folder).config == version.adapter.config
    assert sorted(path.name for path in folder.parent.iterdir()) == ["clinic"]


def test_every_way_to_save_keeps_the_former_one(base, trained, tmp_path):
    model = IntentModel(base)
    for seed in range(2):
        model.add_agent("clinic", trained(seed), replace=True)
        model.save_adapter("clinic", tmp_path / "clinic")
    assert state(tmp_path / "clinic") == {1: (10, False), 2: (11, True)}


def test_the_same_training_again_is_no_new_version(folder, trained):
    trained(2).write(folder)
    same = trained(2)
    later = dataclasses.replace(same.config.provenance, date="2026-12-24T10:00:00Z", versions={"torch": "9.9"})
    same.with_config(provenance=later).write(folder)
    assert sorted(state(folder)) == [1, 2, 3]
    assert Adapter.read(folder).config.provenance == later


def test_a_threshold_that_is_set_is_no_new_version_and_one_that_is_learned_is(folder, trained):
    adapter = trained(2)
    calibration = dataclasses.replace(adapter.config.calibration, threshold=0.4)
    adapter.with_config(calibration=calibration).write(folder)
    assert sorted(state(folder)) == [1, 2, 3]
    assert Adapter.read(folder).config.calibration.threshold == 0.4
    again = dataclasses.replace(adapter.config.provenance, date="2026-12-24T10:00:00Z")
    adapter.with_config(provenance=again).write(folder)
    assert [version.to_dict()["threshold"] for version in list_versions(folder)] == [None, None, 0.4, None]


@pytest.mark.parametrize("change", [{"prompt": "query: "}, {"catch_all": ["intent 1"]}, {"labels": ["a", "b", "c"]}])
def test_the_same_weights_with_another_meaning_are_a_new_version(folder, trained, change):
    trained(2).with_config(**change).write(folder)
    assert sorted(state(folder)) == [1, 2, 3, 4]


def test_a_rollback_takes_the_card_along_and_can_be_undone(folder, trained):
    (folder / "notes.txt").write_text("mine")
    version = rollback(folder)
    assert (version.number, version.in_use, version.folder) == (2, True, folder)
    assert state(folder) == {1: (10, False), 2: (11, True), 3: (12, False)}
    assert Adapter.read(folder).digest == trained(1).digest
    assert (card(folder), card(folder / "versions" / "3")) == ("card 1", "card 2")
    assert rollback(folder).number == 3
    assert state(folder) == {1: (10, False), 2: (11, False), 3: (12, True)}
    assert (card(folder), (folder / "notes.txt").read_text()) == ("card 2", "mine")
    assert rollback(folder, 1).number == 1
    assert state(folder) == {1: (10, True), 2: (11, False), 3: (12, False)}


def test_a_version_without_a_card_does_not_get_that_of_another(trained, tmp_path):
    for seed in range(2):
        trained(seed).write(tmp_path / "it")
    (tmp_path / "it" / "README.md").write_text("of the second")
    rollback(tmp_path / "it")
    assert not (tmp_path / "it" / "README.md").exists()
    rollback(tmp_path / "it")
    assert card(tmp_path / "it") == "of the second"


def test_training_after_a_rollback_goes_on_with_a_new_number(folder, trained):
    rollback(folder, 1)
    trained(5).write(folder)
    assert state(folder) == {1: (10, False), 2: (11, False), 3: (12, False), 4: (15, True)}
    assert find_version(folder) == folder / "versions" / "1"


def test_the_card_of_a_kept_version_is_not_changed_with_that_of_the_folder(folder):
    with (folder / "README.md").open("r+") as file:
        file.write("edited where it stands")
    assert card(folder / "versions" / "2") == "card 1"
    rollback(folder)
    with (folder / "README.md").open("r+") as file:
        file.write("edited again")
    assert card(folder / "versions" / "3") == "edited where it stands"


def test_as_many_are_kept_as_wanted_and_it_is_said_which_go(trained, tmp_path):
    folder = tmp_path / "it"
    for seed in range(3):
        trained(seed).write(folder)
    with pytest.warns(IntentAdaptersWarning, match="keeps 2 former version.*version 1 is gone"):
        trained(3).write(folder, versions=2)
    assert sorted(state(folder)) == [2, 3, 4]
    with pytest.warns(IntentAdaptersWarning, match="version 2, 3, 4 is gone"):
        trained(4).write(folder, versions=0)
    assert state(folder) == {5: (14, True)}
    with pytest.raises(ConfigError, match="versions"):
        trained(5).write(folder, versions=-1)


def test_those_that_were_in_use_longest_ago_go_first(folder, trained):
    rollback(folder, 1)
    with pytest.warns(IntentAdaptersWarning, match="version 2 is gone"):
        trained(5).write(folder, versions=2)
    assert sorted(state(folder)) == [1, 3, 4]


@pytest.mark.parametrize("number", [0, 3, 4, -1])
def test_there_is_no_going_to_what_is_not_kept_or_in_use(folder, number):
    with pytest.raises(AdapterError, match="is the one in use" if number == 3 else "it has 1, 2, 3, and 3 is in use"):
        rollback(folder, number)


def test_a_folder_without_former_versions(trained, tmp_path):
    trained(0).write(tmp_path / "it")
    assert state(tmp_path / "it") == {1: (10, True)}
    with pytest.raises(AdapterError, match="keeps no former version"):
        rollback(tmp_path / "it")
    for function in (list_versions, rollback, find_version):
        with pytest.raises(AdapterError, match="no adapter folder"):
            function(tmp_path)


def test_a_damaged_version_is_listed_and_not_put_in_use(folder, trained):
    (folder / "versions" / "2" / "adapter_model.safetensors").unlink()
    assert [version.problem is None for version in list_versions(folder)] == [True, False, True]
    assert "adapter_model.safetensors" in list_versions(folder)[1].to_dict()["problem"]
    with pytest.raises(AdapterError, match=r"adapter_model\.safetensors"):
        rollback(folder)
    assert Adapter.read(folder).digest == trained(2).digest


def test_a_damaged_adapter_is_kept_as_it_is(folder, trained):
    (folder / "adapter_config.json").write_text("{")
    trained(3).write(folder)
    assert (folder / "versions" / "3" / "adapter_config.json").read_text() == "{"
    assert state(folder)[3] == (None, False)
    assert state(folder)[4] == (13, True)


@pytest.mark.parametrize(
    "order", [None, "", "[", "{}", "[]", '"12"', "[1, 2, 2]", "[null]", "[[1]]", '["a"]', "[3e400]", "[" * 10_000]
)
def test_a_damaged_order_loses_nothing(folder, trained, order):
    path = folder / "versions" / "order.json"
    path.unlink()
    if order is not None:
        path.write_text(order)
    assert state(folder) == {1: (10, False), 2: (11, False), 3: (12, True)}
    trained(3).write(folder)
    assert state(folder) == {1: (10, False), 2: (11, False), 3: (12, False), 4: (13, True)}


def test_an_error_leaves_all_versions_as_they_were(folder, trained, monkeypatch):
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(folders, "_swap_in", fail)
    with pytest.raises(OSError, match="disk full"):
        rollback(folder)
    with pytest.raises(OSError, match="disk full"):
        trained(3).write(folder)
    assert {path: path.read_bytes() for path in folder.parent.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("links", [True, False])
def test_kept_weights_are_written_once_where_the_file_system_has_links(folder, trained, monkeypatch, links):
    def refuse(*_: object) -> None:
        raise OSError("no links here")

    if not links:
        monkeypatch.setattr(os, "link", refuse)
    weights = folder / "versions" / "1" / "adapter_model.safetensors"
    before, content = weights.stat().st_ino, weights.read_bytes()
    trained(3).write(folder)
    assert weights.read_bytes() == content
    assert (weights.stat().st_ino == before) == links
    assert state(folder) == {1: (10, False), 2: (11, False), 3: (12, False), 4: (13, True)}


def test_what_a_link_in_the_folder_leads_to_is_left_alone(folder, trained, tmp_path):
    mine = tmp_path / "mine.md"
    mine.write_text("mine")
    mine.chmod(0o400)
    (folder / "README.md").unlink()
    (folder / "README.md").symlink_to(mine)
    trained(3).write(folder)
    assert (mine.stat().st_mode & 0o777, mine.stat().st_nlink) == (0o400, 1)
    assert card(folder) == "mine"


def test_the_versions_are_seen_by_nobody_who_looks_for_agents_or_files_to_publish(base, folder):
    model = IntentModel(base)
    assert IntentModel(base).agents == ()
    assert ADAPTER.present(folder) == ["adapter_config.json", "README.md", "adapter_model.safetensors"]
    assert BASE.present(folder) == ["README.md"]
    model.register_adapter(folder)
    assert model.agents == ("clinic",)
    model.load_adapter(folder / "versions" / "1", name="former")
    assert model.predict("예약 취소", "former").label in model.labels("former")


@pytest.mark.parametrize("exchange", [True, False], ids=["exchange", "two renames"])
def test_a_reader_of_the_versions_gets_all_of_one_state(trained, tmp_path, monkeypatch, exchange):
    if not exchange:
        monkeypatch.setattr(folders, "_exchange", lambda *_: False)
    folder = tmp_path / "it"
    trained(0).write(folder)
    trained(1).write(folder)
    stop = threading.Event()

    def keep_going_back() -> None:
        while not stop.is_set():
            rollback(folder)

    writer = threading.Thread(target=keep_going_back)
    writer.start()
    try:
        for _ in range(20):
            assert state(folder) in ({1: (10, False), 2: (11, True)}, {1: (10, True), 2: (11, False)})
    finally:
        stop.set()
        writer.join()


@pytest.mark.skipif(sys.platform == "win32", reason="folders have no locks there")
def test_of_trainings_into_one_folder_at_a_time_none_is_lost(trained, tmp_path):
    folder = tmp_path / "new" / "it"

    def train(first: int) -> None:
        for seed in range(first, first + 4):
            trained(seed).write(folder, versions=99)
            trained(seed).write(tmp_path / "new" / f"other {first}", versions=99)

    writers = [threading.Thread(target=train, args=(first,)) for first in (0, 4, 8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert {rows for rows, _ in state(folder).values()} == set(range(10, 22))
    assert sorted(state(folder)) == list(range(1, 13))


def with_base(adapter: Adapter, folder: Path, content: str) -> None:
    """Writes it as an agent that was fine-tuned whole."""

    def write_base(staging: Path) -> None:
        (staging / "base").mkdir()
        (staging / "base" / "model.safetensors").write_text(content)

    named = adapter.with_config(base_model_name_or_path=str(folder.absolute() / "base"))
    named.write(folder, beside=write_base)


def base_of(folder: Path) -> str:
    named = Path(json.loads((folder / "adapter_config.json").read_text())["base_model_name_or_path"])
    assert named == folder / "base"
    return (named / "model.safetensors").read_text()


def test_a_base_of_its_own_goes_along(trained, tmp_path):
    folder = tmp_path / "whole"
    with_base(trained(0), folder, "base 0")
    with_base(trained(1), folder, "base 1")
    assert (base_of(folder), base_of(folder / "versions" / "1")) == ("base 1", "base 0")
    trained(2, base_model_name_or_path="org/base").write(folder)
    assert not (folder / "base").exists()
    assert base_of(folder / "versions" / "2") == "base 1"
    rollback(folder, 1)
    assert (base_of(folder), base_of(folder / "versions" / "2")) == ("base 0", "base 1")
    moved = tmp_path / "moved"
    shutil.move(folder, moved)
    rollback(moved, 2)
    assert (base_of(moved), base_of(moved / "versions" / "1")) == ("base 1", "base 0")
    rollback(moved, 3)
    assert not (moved / "base").exists()
    assert state(moved) == {1: (10, False), 2: (11, False), 3: (12, True)}


def test_a_folder_called_base_that_is_not_its_own_stays(trained, tmp_path):
    (tmp_path / "base").mkdir()
    trained(0, base_model_name_or_path=str(tmp_path / "base")).write(tmp_path / "it")
    (tmp_path / "it" / "base").mkdir()
    (tmp_path / "it" / "base" / "mine.txt").write_text("mine")
    trained(1).write(tmp_path / "it")
    assert (tmp_path / "it" / "base" / "mine.txt").read_text() == "mine"
    assert not (tmp_path / "it" / "versions" / "1" / "base").exists()
    assert version_folders.KEPT == 10
