from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from intent_adapters.artifacts import folders
from intent_adapters.artifacts.folders import is_there, read_whole, remove_leftovers, replaced_folder
from intent_adapters.errors import IntentAdaptersError


def write(folder: Path, content: str) -> None:
    for name in ("one.txt", "two.txt"):
        (folder / name).write_text(content)


def contents(folder: Path) -> list[str]:
    return [(folder / name).read_text() for name in ("one.txt", "two.txt")]


def siblings(folder: Path) -> list[str]:
    return [path.name for path in folder.parent.iterdir() if path.name != folder.name]


def test_a_new_folder_appears_whole(tmp_path):
    target = tmp_path / "deep" / "agent"
    with replaced_folder(target) as staging:
        write(staging, "new")
        assert not target.exists()
    assert contents(target) == ["new", "new"]
    assert siblings(target) == []


@pytest.mark.parametrize("exchange", [True, False], ids=["exchange", "two renames"])
def test_an_old_folder_is_replaced_and_its_other_files_are_kept(tmp_path, monkeypatch, exchange):
    if not exchange:
        monkeypatch.setattr(folders, "_exchange", lambda *_: False)
    target = tmp_path / "agent"
    target.mkdir()
    write(target, "old")
    (target / "README.md").write_text("by a person")
    (target / "images").mkdir()
    (target / "images" / "a.svg").write_text("<svg/>")
    with replaced_folder(target) as staging:
        write(staging, "new")
    assert contents(target) == ["new", "new"]
    assert (target / "README.md").read_text() == "by a person"
    assert (target / "images" / "a.svg").exists()
    assert siblings(target) == []


def test_an_error_inside_leaves_the_old_folder_and_no_litter(tmp_path):
    target = tmp_path / "agent"
    target.mkdir()
    write(target, "old")
    with pytest.raises(RuntimeError, match="disk full"), replaced_folder(target) as staging:
        (staging / "one.txt").write_text("new")
        raise RuntimeError("disk full")
    assert contents(target) == ["old", "old"]
    assert siblings(target) == []


# Runs the file without the package around it, which would import torch for seconds.
WRITER = """
import runpy
import sys
import types
from pathlib import Path
package = types.ModuleType("intent_adapters")
package.__path__ = [str(Path(sys.argv[2]).parents[1])]
sys.modules["intent_adapters"] = package
replaced_folder = runpy.run_path(sys.argv[2])["replaced_folder"]
print("ready", flush=True)
for number in range(100_000):
    with replaced_folder(Path(sys.argv[1])) as staging:
        for name in ("one.txt", "two.txt"):
            (staging / name).write_text(str(number) * 1000)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the atomic exchange is Linux's")
def test_a_killed_writer_leaves_one_version_whole(tmp_path):
    target = tmp_path / "agent"
    for delay in (0.05, 0.11, 0.17, 0.23):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(target), folders.__file__], stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(delay)
        process.kill()
        process.wait()
        process.stdout.close()
        one, two = contents(target)
        assert one == two
        assert len(one) >= 1000


def test_files_may_be_read_by_whoever_may_read_the_folder(tmp_path):
    with replaced_folder(tmp_path / "agent") as staging:
        (staging / "weights").touch(mode=0o600)
    folder = tmp_path / "agent"
    assert (folder / "weights").stat().st_mode & 0o777 == folder.stat().st_mode & 0o666


def replace(target: Path, content: str) -> None:
    with replaced_folder(target) as staging:
        write(staging, content)


@pytest.mark.parametrize("exchange", [True, False], ids=["exchange", "two renames"])
def test_a_reader_gets_all_of_one_version_while_others_are_written(tmp_path, monkeypatch, exchange):
    if not exchange:
        monkeypatch.setattr(folders, "_exchange", lambda *_: False)
    target = tmp_path / "agent"
    replace(target, "0")
    stop = threading.Event()

    def keep_writing() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            replace(target, str(number))

    writer = threading.Thread(target=keep_writing)
    writer.start()
    try:
        seen = set()
        while len(seen) < 20:
            one, two = read_whole(target, lambda: contents(target))
            assert one == two
            seen.add(one)
    finally:
        stop.set()
        writer.join()


def test_a_link_that_is_switched_is_read_again(tmp_path):
    for name in ("blue", "green"):
        replace(tmp_path / name, name)
    link = tmp_path / "agent"
    link.symlink_to("blue")

    def read() -> list[str]:
        one = (link / "one.txt").read_text()
        if one == "blue":
            (tmp_path / "new").symlink_to("green")
            (tmp_path / "new").replace(link)
        return [one, (link / "two.txt").read_text()]

    assert read_whole(link, read) == ["green", "green"]


def test_what_is_wrong_with_a_folder_that_stays_is_raised_at_once(tmp_path):
    calls = []

    def read() -> None:
        calls.append(1)
        raise ValueError("damaged")

    for target in (tmp_path / "agent", tmp_path / "nowhere"):
        (tmp_path / "agent").mkdir(exist_ok=True)
        with pytest.raises(ValueError, match="damaged"):
            read_whole(target, read)
    assert len(calls) == 2


def test_a_folder_that_never_stays_is_an_error_of_ours(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "SECONDS_BETWEEN_READS", 0)
    target = tmp_path / "agent"
    replace(target, "0")
    with pytest.raises(IntentAdaptersError, match="was replaced during each"):
        read_whole(target, lambda: replace(target, "1"))


def test_a_folder_between_two_renames_is_waited_for(tmp_path):
    target = tmp_path / "agent"
    staging = tmp_path / f".agent.{'0' * 32}"
    staging.mkdir()
    timer = threading.Timer(0.1, lambda: staging.rename(target))
    timer.start()
    assert is_there(target)
    timer.join()
    assert not is_there(tmp_path / "nowhere")


def test_a_folder_that_another_writer_makes_meanwhile_is_replaced(tmp_path, monkeypatch):
    target = tmp_path / "agent"
    rename = Path.rename

    def late(self: Path, other: Path) -> Path:
        if not target.exists():
            target.mkdir()
            write(target, "theirs")
        return rename(self, other)

    monkeypatch.setattr(Path, "rename", late)
    replace(target, "ours")
    assert contents(target) == ["ours", "ours"]
    assert siblings(target) == []


def test_what_a_killed_writer_left_goes_once_it_is_old(tmp_path):
    names = [f".agent.{'0' * 32}", f".young.{'a' * 32}", f".other.{'a' * 32}", ".mine", f".agent.{'0' * 31}g", "agent"]
    for name in names:
        (tmp_path / name).mkdir()
        write(tmp_path / name, "x")
    (tmp_path / f".report.json.{'f' * 32}").write_text("x")
    for path in tmp_path.iterdir():
        if "young" not in path.name:
            os.utime(path, (0, 0))
    remove_leftovers(tmp_path, ["agent", "young", "report.json"])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names[1:])
