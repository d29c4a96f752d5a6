"""The adapter folders in a folder, found again and again: what is new there costs a look, and what is old hardly any.

What is written in one step, by renaming, changes the time of the outer folder and what its entry leads to: of a
hundred thousand folders the one that was replaced is found without a look into the others. What was changed in place
is found by looking into them in turn, for a moment each time: into all of them, unless there are thousands.
"""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path
from typing import NamedTuple

from intent_adapters.artifacts.contents import CONFIG_NAME, SAFETENSORS_WEIGHTS_NAME
from intent_adapters.runtime.agent import composed

log = logging.getLogger(__name__)

# For so long, each time, folders are looked into that show no change from outside.
SECONDS_A_LOOK = 0.01
# A change so short a time after another one may leave the time of the folder as it was: file systems count in steps.
RECENT_SECONDS = 2.0

# What tells a file from one that takes its place: inode, time, size.
_Stamp = tuple[int, int, int] | None


class AdapterFolder(NamedTuple):
    """An adapter folder as it was found."""

    folder: str
    config: _Stamp
    weights: _Stamp


class AdapterFolders:
    """The adapter folders in a folder, by the names of their agents.

    Args:
        folder: The outer one.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = os.fspath(folder)
        self._time = 0
        self._inodes: dict[str, int] = {}
        self._entries: dict[str, AdapterFolder | None] = {}
        self._unfinished: set[str] = set()
        self._turn: list[str] = []
        self._doubles: set[str] = set()
        self._found: dict[str, AdapterFolder] = {}
        self._changed = False

    def look(self) -> dict[str, AdapterFolder]:
        """Those that there are now; the same object as before where nothing has changed.

        Raises:
            OSError: The folder cannot be read.
        """
        when = os.stat(self._folder).st_mtime_ns
        if when != self._time or not self._turn or time.time() - when / 1e9 < RECENT_SECONDS:
            self._list()
            self._time = when
        for name in list(self._unfinished):
            self._look_into(name)
        until = time.perf_counter() + SECONDS_A_LOOK
        while self._turn and time.perf_counter() < until:
            name = self._turn.pop()
            if name in self._entries:
                self._look_into(name)
        if self._changed:
            self._found, self._changed = self._by_name(), False
        return self._found

    def _list(self) -> None:
        with os.scandir(self._folder) as listing:
            inodes = {entry.name: entry.inode() for entry in listing if not entry.name.startswith(".")}
        for name in self._inodes.keys() - inodes.keys():
            del self._entries[name]
            self._unfinished.discard(name)
            self._changed = True
        for name in [name for name, inode in inodes.items() if self._inodes.get(name) != inode]:
            self._look_into(name)
        self._inodes = inodes
        self._turn = self._turn or [*inodes]

    def _look_into(self, name: str) -> None:
        folder = os.path.join(self._folder, name)
        config = _stamp(os.path.join(folder, CONFIG_NAME))
        found = config and AdapterFolder(folder, config, _stamp(os.path.join(folder, SAFETENSORS_WEIGHTS_NAME)))
        if name not in self._entries or found != self._entries[name]:
            self._entries[name], self._changed = found, True
        if found is None or found.weights is None:
            self._unfinished.add(name)
        else:
            self._unfinished.discard(name)

    def _by_name(self) -> dict[str, AdapterFolder]:
        found: dict[str, AdapterFolder] = {}
        for entry, adapter in sorted(self._entries.items()):
            name = composed(entry)
            if adapter is None:
                continue
            if name not in found:
                found[name] = adapter
            elif adapter.folder not in self._doubles:
                # They differ only in how their letters are composed.
                self._doubles.add(adapter.folder)
                log.error("two folders of one name", extra={"fields": {"agent": name, "left out": adapter.folder}})
        return found


def _stamp(path: str) -> _Stamp:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
