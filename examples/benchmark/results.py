"""The results of a run: written after every stage, and read for tables, pages, pictures and targets."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from examples.benchmark.figures import disk_figures, loading_figures, ratio, spread, timing_figures
from intent_adapters.errors import DataError

FORMAT = 1
LARGE = "large"
PATH = re.compile(r"(?<![\w:/])(?:/[^/\s'\"]+)+/([^/\s'\"]+)")
"""Where a file lies on this machine is nobody else's concern; its name stays."""


class RunRecord:
    """What the stages of a run found so far.

    A file of an earlier run under the same conditions that did not get to its end is continued; any other one is
    replaced.

    Args:
        conditions: `settings`, `machine` and `systems`, as `Results` has them.
        file: Written after every stage; None writes nothing.

    Attributes:
        values: The results so far, JSON: see `Results`.
    """

    def __init__(self, conditions: Mapping[str, Any], file: Path | None) -> None:
        self._file = file
        self.values: dict[str, Any] = {"format": FORMAT, "complete": False, **conditions}
        self.values |= {"not_run": {}, "timings": [], "loading": {}, "disk": {}}
        earlier = {} if file is None else _read_json(file)
        if earlier.get("complete") is False and _comparable(earlier) == _comparable(self.values):
            self.values = earlier

    def has_times(self, threads: int) -> bool:
        return any(entry["threads"] == threads for entry in self.values["timings"])

    def has_loading(self, system: str) -> bool:
        return system in self.values["loading"]

    def runnable(self) -> list[str]:
        """The systems of which nothing is known that keeps them from running."""
        return [name for name in self.values["systems"] if name not in self.values["not_run"]]

    def add_files(self, found: Mapping[str, Any]) -> None:
        """Take in what the stage `write_files` returned."""
        self.values["disk"] = disk_figures(found["disk"])
        self._add_not_run(found["not_run"])
        self._write()

    def add_times(self, threads: int, found: Mapping[str, Any]) -> None:
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


def _read_json(file: Path) -> dict[str, Any]:
    """The results in a file; nothing if it holds none."""
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        _comparable(values)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}
    return dict(values)


def _comparable(values: Mapping[str, Any]) -> list[object]:
    """What must be the same for figures to stand beside each other."""
    machine = {name: value for name, value in values["machine"].items() if name != "date"}
    return [values["format"], values["settings"], list(values["systems"]), machine]


class Results:
    """The results of one run, as `benchmark` returned them or as a JSON file has them."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values
        self._timings = {(entry["threads"], entry["system"], entry["case"]): entry for entry in values["timings"]}

    @classmethod
    def read(cls, path: str | Path) -> Results:
        """Read a JSON file.

        Raises:
            DataError: It is no file of results.
        """
        try:
            values = json.loads(Path(path).read_text(encoding="utf-8"))
            if values["format"] != FORMAT:
                raise DataError(f"{str(path)!r} has format {values['format']}; this version reads {FORMAT}.")
            return cls(values)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{str(path)!r} holds no results of a benchmark ({error!r}): make it with --json."
            ) from error

    @property
    def settings(self) -> Mapping[str, Any]:
        return self.values["settings"]

    @property
    def threads(self) -> list[int]:
        return list(self.settings["threads"])

    @property
    def cases(self) -> list[str]:
        """`one`, `batch-1` and so on."""
        return list(self.settings["cases"])

    def title(self, system: str) -> str:
        """The name of a system for people; its short name if it was left out of the run."""
        return str(self.values["systems"].get(system, {"title": system})["title"])

    def timed(self) -> list[str]:
        """The systems with times, in the order of the tables."""
        found = {system for _, system, _ in self._timings}
        return [system for system in self.values["systems"] if system in found]

    def milliseconds(self, threads: int, system: str, case: str) -> dict[str, float] | None:
        """Median and quartiles, or None if it was not timed."""
        entry = self._timings.get((threads, system, case))
        return None if entry is None else dict(entry["milliseconds"])

    def to_bare(self, threads: int, system: str, case: str) -> dict[str, float] | None:
        """How many times as long as its bare encoder takes for the same tokens: median and quartiles over rounds."""
        entry = self._timings.get((threads, system, case))
        if entry is None:
            return None
        if "bare_rounds" in entry:
            return ratio(entry["rounds"], entry["bare_rounds"])
        reference = self.values["systems"][system]["reference"]
        bare = self._timings.get((threads, reference, case)) or self._timings.get((threads, reference, "batch-1"))
        return None if bare is None else ratio(entry["rounds"], bare["rounds"])

    def to_system(self, threads: int, system: str, other: str, case: str) -> dict[str, float] | None:
        """How many times as long as another system takes for the same case: median and quartiles over rounds."""
        of, to = self._timings.get((threads, system, case)), self._timings.get((threads, other, case))
        return None if of is None or to is None else ratio(of["rounds"], to["rounds"])

    def to_large(self, threads: int, system: str, case: str) -> dict[str, float] | None:
        """The same against the large fine-tuned model."""
        return self.to_system(threads, system, LARGE, case)

    def peers_bare(self, threads: int, system: str, case: str) -> dict[str, float] | None:
        """Milliseconds of the bare encoder in the process of a peer."""
        entry = self._timings.get((threads, system, case))
        return spread(list(entry["bare_rounds"].values())) if entry is not None and "bare_rounds" in entry else None
