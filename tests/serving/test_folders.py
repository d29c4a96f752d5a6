"""Adapter folders are found as they are, also where only some of many can be looked into each time."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intent_adapters.serving import folders
from intent_adapters.serving.folders import AdapterFolder, AdapterFolders

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
NAMES = st.sampled_from(["clinic", "it", "예약 상담", "bank"])
CHANGES = st.lists(st.tuples(st.sampled_from(["write", "remove", "rename", "begin", "nothing"]), NAMES), max_size=12)


def write(outer: Path, name: str, content: str) -> None:
    """An adapter folder, new or in the place of another one, in one step."""
    staging = outer / f".{name}.staging"
    staging.mkdir()
    (staging / CONFIG).write_text(content, encoding="utf-8")
    (staging / WEIGHTS).write_text(content * 2, encoding="utf-8")
    if (outer / name).exists():
        (outer / name).rename(outer / f".{name}.old")
        staging.rename(outer / name)
        shutil.rmtree(outer / f".{name}.old")
    else:
        staging.rename(outer / name)


def plainly(outer: Path) -> dict[str, AdapterFolder]:
    """What is there, by looking into all of them."""
    return AdapterFolders(outer).look()


@contextmanager
def seconds_a_look(seconds: float) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folders, "SECONDS_A_LOOK", seconds)
        yield


@settings(max_examples=40, deadline=None)
@given(CHANGES, st.sampled_from([0.0, 1.0]))
def test_whatever_is_written_by_renaming_is_found_at_the_next_look(changes, seconds: float):
    with tempfile.TemporaryDirectory() as folder, seconds_a_look(seconds):
        outer = Path(folder)
        watched = AdapterFolders(outer)
        for step, (what, name) in enumerate(changes):
            target = outer / name
            if what == "write":
                write(outer, name, f"{step}")
            elif what == "remove":
                shutil.rmtree(target, ignore_errors=True)
            elif what == "rename" and target.exists() and not (outer / f"new {name}").exists():
                target.rename(outer / f"new {name}")
            elif what == "begin":
                target.mkdir(exist_ok=True)
            os.utime(outer, (step, step))  # long ago: what is recent is listed in any case
            assert watched.look() == plainly(outer)


def test_a_folder_that_is_filled_slowly_is_found_when_it_is_whole(tmp_path: Path):
    with seconds_a_look(0.0):
        watched = AdapterFolders(tmp_path)
        (tmp_path / "it").mkdir()
        os.utime(tmp_path, (1, 1))
        assert watched.look() == {}
        (tmp_path / "it" / CONFIG).write_text("{}", encoding="utf-8")
        assert watched.look()["it"].weights is None
        (tmp_path / "it" / WEIGHTS).write_text("weights", encoding="utf-8")
        assert watched.look()["it"].weights is not None


def test_what_is_changed_in_place_is_found_in_turn(tmp_path: Path):
    for number in range(5):
        write(tmp_path, f"{number}", "as it was")
    os.utime(tmp_path, (1, 1))
    watched = AdapterFolders(tmp_path)
    before = watched.look()
    (tmp_path / "3" / WEIGHTS).write_text("of another length", encoding="utf-8")
    found = watched.look()
    assert {name for name in found if found[name] != before[name]} == {"3"}


def test_a_look_at_many_folders_in_which_nothing_changes_is_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for number in range(400):
        write(tmp_path, f"agent {number}", "the same")
    os.utime(tmp_path, (1, 1))
    with seconds_a_look(0.0):
        watched = AdapterFolders(tmp_path)
        before = watched.look()
        calls: list[object] = []
        stat, scandir = os.stat, os.scandir
        monkeypatch.setattr(os, "stat", lambda *given, **named: calls.append(given) or stat(*given, **named))
        monkeypatch.setattr(os, "scandir", lambda *given: calls.append(given) or scandir(*given))
        assert watched.look() is before
        assert len(calls) < 5
        write(tmp_path, "agent 7", "another one")
        calls.clear()
        assert watched.look()["agent 7"] != before["agent 7"]
        assert len(calls) < 10
