"""The results of a run while it goes on, in a file after every stage: a run that is cut off can be continued."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from examples.benchmark.figures import disk_figures, loading_figures, timing_figures

FORMAT = 1
PATH = re.compile(r"(?<![\w:/])(?:/[^/\s'\"]+)+/([^/\s'\"]+)")
"""Where a file lies on this machine is nobody else's concern; its name stays."""


class Record:
    """What the stages of a run found so far.

    A file of an earlier run with the same settings on the same machine, with the same versions of everything, that
    did not get to its end is continued; any other one is replaced.

    Args:
        head: Settings, machine and systems, as `Results` has them.
        file: Written after every stage; None writes nothing.

    Attributes:
        values: The results so far, JSON: see `Results`.
    """

    def __init__(self, head: Mapping[str, Any], file: Path | None) -> None:
        self._file = file
        self.values: dict[str, Any] = {"format": FORMAT, "complete": False, **head}
        self.values |= {"not_run": {}, "timings": [], "loading": {}, "disk": {}}
        earlier = {} if file is None else _read(file)
        if earlier.get("complete") is False and _conditions(earlier) == _conditions(self.values):
            self.values = earlier

    def timed(self, threads: int) -> bool:
        """Whether the times with so many threads have been taken."""
        return any(entry["threads"] == threads for entry in self.values["timings"])

    def loaded(self, system: str) -> bool:
        """Whether the loading of a system has been measured."""
        return system in self.values["loading"]

    def runs(self) -> list[str]:
        """The systems of which nothing is known that keeps them from running."""
        return [name for name in self.values["systems"] if name not in self.values["not_run"]]

    def add_files(self, found: Mapping[str, Any]) -> None:
        """Take in what the stage `write_files` returned."""
        self.values["disk"] = disk_figures(found["disk"])
        self._add_not_run(found["not_run"])
        self._write()

    def add_timing(self, threads: int, found: Mapping[str, Any]) -> None:
        """Take in what the stage `timing` returned."""
        self.values["timings"] += timing_figures({threads: found})
        for name, versions in found["versions"].items():
            self.values["systems"][name]["versions"] |= versions
        self._add_not_run(found["not_run"])
        self._write()

    def add_loading(self, system: str, found: Mapping[str, Any]) -> None:
        """Take in what the stage `loading` returned."""
        figures = loading_figures(found)
        if "not_run" in figures:
            figures["not_run"] = PATH.sub(r"\1", figures["not_run"])
        self.values["loading"][system] = figures
        self._write()

    def finish(self) -> dict[str, Any]:
        """Note that nothing is missing, and give the results."""
        self.values["complete"] = True
        self._write()
        return self.values

    def _add_not_run(self, reasons: Mapping[str, str]) -> None:
        every = {**self.values["not_run"], **{name: PATH.sub(r"\1", reason) for name, reason in reasons.items()}}
        self.values["not_run"] = {name: every[name] for name in self.values["systems"] if name in every}

    def _write(self) -> None:
        if self._file is not None:
            beside = self._file.with_name(f".{self._file.name}.{os.getpid()}")
            beside.write_text(json.dumps(self.values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            beside.replace(self._file)


def _read(file: Path) -> dict[str, Any]:
    """The results in a file; nothing if it holds none."""
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        _conditions(values)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}
    return dict(values)


def _conditions(values: Mapping[str, Any]) -> list[object]:
    """What must be the same for figures to stand beside each other."""
    machine = {name: value for name, value in values["machine"].items() if name != "date"}
    return [values["format"], values["settings"], list(values["systems"]), machine]
