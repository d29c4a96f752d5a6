from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from intent_adapters.runtime import files
from intent_adapters.runtime.files import replaced_folder


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
        monkeypatch.setattr(files, "_exchange", lambda *_: False)
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


# Runs the file itself: the package around it would import torch for seconds.
WRITER = """
import runpy
import sys
from pathlib import Path
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
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(target), files.__file__], stdout=subprocess.PIPE)
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
