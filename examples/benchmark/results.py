"""The results of a run, read for tables, pages, pictures and targets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from examples.benchmark.figures import ratio, spread
from intent_adapters.errors import DataError

FORMAT = 1
LARGE = "large"


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
